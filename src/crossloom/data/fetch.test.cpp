#include "crossloom/data/fetch.h"

#include <chrono>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// Answers every request on a free port of 127.0.0.1 with `reply`, and keeps the connection open.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::string reply) : reply_(std::move(reply)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, generic, size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, generic, &size), 0);
    home_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] { serve(); });
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    ::shutdown(listener_, SHUT_RDWR);  // ends the wait in accept
    thread_.join();
    ::close(listener_);
  }

  const std::string& home() const { return home_; }

 private:
  void serve() {
    std::vector<int> connections;
    for (int connection = 0; (connection = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      char request[4096];
      if (::recv(connection, request, sizeof request, 0) > 0) {
        ::send(connection, reply_.data(), reply_.size(), MSG_NOSIGNAL);
      }
      connections.push_back(connection);
    }
    for (const int connection : connections) ::close(connection);
  }

  std::string reply_;
  std::string home_;
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

std::string http_reply(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Fetch : public EmptyPlaces {
 protected:
  Fetch() { set("no_proxy", "127.0.0.1"); }

  std::string local_home(const std::string& name) const {
    return "file://" + (folder_ / name).string() + "/";
  }

  static RemoteFiles from(const std::vector<std::string>& homes) {
    return {homes, {{"file", 5, sha256("right")}}};
  }

  static std::string failure(const std::vector<std::string>& homes) {
    const std::string text = message_of<IoError>([&] {
      fetch_files(from(homes), "target", {2, 1});
    });
    EXPECT_FALSE(fs::exists("target"));
    EXPECT_EQ(text.find("cannot fetch file ("), 0) << text;
    return text;
  }
};

TEST_F(Fetch, WritesTheFilesOfTheFirstHome) {
  write_file("home/file", "right");
  fetch_files(from({local_home("home")}), "target");
  EXPECT_EQ(read_file("target/file"), "right");
}

TEST_F(Fetch, SpeaksHttp) {
  const LoopbackServer server(http_reply("right"));
  fetch_files(from({server.home()}), "target");
  EXPECT_EQ(read_file("target/file"), "right");
}

TEST_F(Fetch, GoesOnToTheNextHome) {
  write_file("damaged/file", "wrong");
  write_file("intact/file", "right");
  fetch_files(from({local_home("missing"), local_home("damaged"), local_home("intact")}), "target");
  EXPECT_EQ(read_file("target/file"), "right");
}

TEST_F(Fetch, WritesNothingOnAWrongChecksum) {
  write_file("home/file", "wrong");
  EXPECT_NE(failure({local_home("home")}).find("checksum"), std::string::npos);
}

TEST_F(Fetch, KeepsIntactFilesAndReplacesDamagedOnes) {
  write_file("target/file", "right");
  fetch_files(from({local_home("missing")}), "target");
  write_file("target/file", "wrong");
  write_file("home/file", "right");
  fetch_files(from({local_home("home")}), "target");
  EXPECT_EQ(read_file("target/file"), "right");
}

TEST_F(Fetch, NamesEveryHomeWhenOffline) {
  const std::string text = failure({"http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/"});
  EXPECT_NE(text.find("http://127.0.0.1:1/a/: "), std::string::npos) << text;
  EXPECT_NE(text.find("http://127.0.0.1:1/b/: "), std::string::npos) << text;
  EXPECT_NE(text.find("; check the network"), std::string::npos) << text;
}

TEST_F(Fetch, RefusesAnErrorPage) {
  const LoopbackServer server("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nright");
  EXPECT_NE(failure({server.home()}).find("404"), std::string::npos);
}

TEST_F(Fetch, RefusesMoreBytesThanExpected) {
  const LoopbackServer announced(http_reply("much too long"));
  EXPECT_NE(failure({announced.home()}).find("longer than the 5 bytes"), std::string::npos);
  const LoopbackServer unannounced("HTTP/1.1 200 OK\r\n\r\nmuch too long");
  EXPECT_NE(failure({unannounced.home()}).find("longer than the 5 bytes"), std::string::npos);
}

TEST_F(Fetch, DoesNotFollowRedirectsAwayFromHttps) {
  write_file("home/file", "right");
  const LoopbackServer server("HTTP/1.1 302 Found\r\nLocation: " + local_home("home") +
                              "file\r\nContent-Length: 0\r\n\r\n");
  failure({server.home()});
}

TEST_F(Fetch, GivesUpOnAStalledTransfer) {
  const LoopbackServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nri");
  const auto start = std::chrono::steady_clock::now();
  failure({server.home()});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Fetch, RefusesNamesWithoutPublicFiles) {
  EXPECT_THROW(fetch_dataset("no_such_set", "target"), ConfigError);
  const std::string text =
      message_of<ConfigError>([] { fetch_dataset("synthetic_digits", "target"); });
  EXPECT_EQ(text.find("cannot fetch 'synthetic_digits'"), 0) << text;
}

TEST_F(Fetch, KeepsTheOriginalMnist) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  // Offline, so that each of the four files must be recognised as intact.
  fs::create_directory("target");
  fs::create_directory_symlink(original_mnist_, "target/mnist");
  EXPECT_EQ(fetch_dataset("mnist", "target"), "target/mnist");
}

}  // namespace
}  // namespace crossloom
