#include "crossloom/data/image_file.h"

#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs it
#include <cstring>
#include <string>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

// libjpeg and libpng report errors by a jump over their own C frames. So that no destructor is
// jumped over, each function that calls `setjmp` has only trivial variables, and everything that
// must be freed belongs to the reader object around it.

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// Scans beyond which a progressive JPEG is refused: each costs a pass over the picture.
constexpr int kMaxScans = 200;

struct Size {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// Where an error of a C library comes back to, and its text.
struct Failure {
  std::jmp_buf back;
  char why[256] = "";
};

/// Reads one JPEG. The steps return false on an error, with its text in `why`.
class JpegReader {
 public:
  explicit JpegReader(std::string_view contents) : contents_(contents) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = &fail;
    errors_.emit_message = &judge;
    progress_.progress_monitor = &limit_scans;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info_); }

  bool read_header() {
    if (setjmp(failure_.back) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_,
                 reinterpret_cast<const unsigned char*>(contents_.data()),
                 static_cast<unsigned long>(contents_.size()));
    jpeg_read_header(&info_, TRUE);
    const bool has_black = info_.num_components == 4;
    info_.out_color_space = has_black                   ? JCS_CMYK
                            : info_.num_components == 1 ? JCS_GRAYSCALE
                                                        : JCS_RGB;
    return true;
  }

  /// Fills `pixels` with rows of `num_channels` bytes per pixel.
  bool read_pixels(unsigned char* pixels) {
    if (setjmp(failure_.back) != 0) return false;
    jpeg_start_decompress(&info_);
    const std::size_t row_bytes = std::size_t{info_.output_width} * num_channels();
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  Size size() const { return {info_.image_height, info_.image_width}; }
  std::size_t num_channels() const { return static_cast<std::size_t>(info_.num_components); }
  const char* why() const { return failure_.why; }

 private:
  static Failure& failure_of(j_common_ptr info) {
    return static_cast<JpegReader*>(info->client_data)->failure_;
  }

  [[noreturn]] static void fail(j_common_ptr info) {
    Failure& failure = failure_of(info);
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    std::snprintf(failure.why, sizeof failure.why, "%s", text);
    std::longjmp(failure.back, 1);
  }

  /// Warnings (a negative level) mean damage, except those about oddities that lose no pixel.
  static void judge(j_common_ptr info, int level) {
    const int code = info->err->msg_code;
    const bool is_harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
                             code == JWRN_JFIF_MAJOR || code == JWRN_BOGUS_PROGRESSION;
    if (level < 0 && !is_harmless) fail(info);
  }

  static void limit_scans(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
    Failure& failure = failure_of(info);
    std::snprintf(failure.why, sizeof failure.why, "it has more than %d scans", kMaxScans);
    std::longjmp(failure.back, 1);
  }

  std::string_view contents_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  Failure failure_{};
};

/// Reads one PNG as red, green and blue. The steps return false on an error, with its text in
/// `why`.
class PngReader {
 public:
  explicit PngReader(std::string_view contents) : left_(contents) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool read_header() {
    if (setjmp(failure_.back) != 0) return false;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, &fail, &ignore);
    if (png_ == nullptr) return false;
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) return false;
    png_set_read_fn(png_, this, &read);
    png_read_info(png_, info_);
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_scale_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  /// Fills `rows` and goes on to the end of the file, which must be there.
  bool read_pixels(unsigned char** rows) {
    if (setjmp(failure_.back) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  Size size() const {
    return {png_get_image_height(png_, info_), png_get_image_width(png_, info_)};
  }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  const char* why() const { return failure_.why; }

 private:
  [[noreturn]] static void fail(png_structp png, png_const_charp text) {
    auto& failure = *static_cast<Failure*>(png_get_error_ptr(png));
    std::snprintf(failure.why, sizeof failure.why, "%s", text);
    std::longjmp(failure.back, 1);
  }

  static void ignore(png_structp /*png*/, png_const_charp /*text*/) {}

  static void read(png_structp png, png_bytep to, png_size_t count) {
    auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.left_.size()) png_error(png, "premature end of the file");
    std::memcpy(to, reader.left_.data(), count);
    reader.left_.remove_prefix(count);
  }

  std::string_view left_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Failure failure_{};
};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw ConfigError(path.string() + " is not a usable picture (" + why +
                    "); replace it by an intact JPEG or PNG file");
}

void check_size(const Size& size, std::int64_t max_pixels, const fs::path& path) {
  if (size.height * size.width > max_pixels) {
    refuse(path,
           std::to_string(size.width) + "x" + std::to_string(size.height) +
               " pixels are more than the " + std::to_string(max_pixels) + " that are read");
  }
}

/// The planes of `pixels` [H, W, C].
Tensor planar(const Tensor& pixels) {
  return pixels.permute({2, 0, 1}).contiguous();
}

/// a b / 255, rounded, for bytes.
int scaled(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Red, green and blue of the inverted CMYK that Adobe writes; both [H, W, C]. As PIL's cmyk2rgb.
Tensor rgb_from_inverted_cmyk(const Tensor& cmyk) {
  Tensor rgb = at::empty({cmyk.size(0), cmyk.size(1), 3}, at::kByte);
  const auto* from = cmyk.data_ptr<std::uint8_t>();
  auto* to = rgb.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < cmyk.size(0) * cmyk.size(1); ++i, from += 4, to += 3) {
    const int white = from[3];
    for (int c = 0; c < 3; ++c) {
      to[c] = static_cast<std::uint8_t>(white - scaled(255 - from[c], white));
    }
  }
  return rgb;
}

Tensor decode_jpeg(std::string_view contents, const fs::path& path, std::int64_t max_pixels) {
  JpegReader reader(contents);
  if (!reader.read_header()) refuse(path, reader.why());
  const Size size = reader.size();
  check_size(size, max_pixels, path);
  const auto num_channels = static_cast<std::int64_t>(reader.num_channels());
  const Tensor pixels = at::empty({size.height, size.width, num_channels}, at::kByte);
  if (!reader.read_pixels(pixels.data_ptr<std::uint8_t>())) refuse(path, reader.why());
  if (num_channels == 1) return planar(pixels.expand({size.height, size.width, 3}));
  return planar(num_channels == 4 ? rgb_from_inverted_cmyk(pixels) : pixels);
}

Tensor decode_png(std::string_view contents, const fs::path& path, std::int64_t max_pixels) {
  PngReader reader(contents);
  if (!reader.read_header()) refuse(path, reader.why());
  const Size size = reader.size();
  check_size(size, max_pixels, path);
  TORCH_INTERNAL_ASSERT(reader.row_bytes() == static_cast<std::size_t>(3 * size.width));
  const Tensor pixels = at::empty({size.height, size.width, 3}, at::kByte);
  std::vector<unsigned char*> rows;
  for (std::int64_t y = 0; y < size.height; ++y) {
    rows.push_back(pixels.data_ptr<std::uint8_t>() + y * 3 * size.width);
  }
  if (!reader.read_pixels(rows.data())) refuse(path, reader.why());
  return planar(pixels);
}

bool starts_with(std::string_view contents, std::string_view signature) {
  return contents.substr(0, signature.size()) == signature;
}

}  // namespace

Tensor decode_image(std::string_view contents, const fs::path& path, std::int64_t max_pixels) {
  if (starts_with(contents, "\xff\xd8")) return decode_jpeg(contents, path, max_pixels);
  if (starts_with(contents, "\x89PNG\r\n\x1a\n")) return decode_png(contents, path, max_pixels);
  refuse(path, "it does not start as a JPEG or PNG file does");
}

Tensor read_image(const fs::path& path) {
  return decode_image(read_file(path), path);
}

}  // namespace crossloom
