#include "crossloom/data/label_csv.h"

#include "crossloom/core/errors.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

std::string refusal(const std::string& contents) {
  const std::string text =
      message_of<ConfigError>([&] { parse_label_csv(contents, "labels.csv"); });
  EXPECT_EQ(text.find("labels.csv is not a usable table of labels (line "), 0) << text;
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LabelCsv, ColumnsAreFoundByName) {
  const std::vector<LabelledFile> files =
      parse_label_csv("wnid,label,file\nn1,7,a.jpg\nn2,0,b/c.jpg", "labels.csv");
  ASSERT_EQ(files.size(), 2);
  EXPECT_EQ(files[0].name, "a.jpg");
  EXPECT_EQ(files[0].label, 7);
  EXPECT_EQ(files[1].name, "b/c.jpg");
  EXPECT_EQ(files[1].label, 0);
}

TEST(LabelCsv, WindowsFilesAndEmptyLinesAreRead) {
  const std::vector<LabelledFile> files = parse_label_csv(
      "\xef\xbb\xbf"
      "file,label\r\na b.jpg,1\r\n\r\n",
      "labels.csv");
  ASSERT_EQ(files.size(), 1);
  EXPECT_EQ(files[0].name, "a b.jpg");
}

TEST(LabelCsv, RefusesMissingColumns) {
  EXPECT_TRUE(contains(refusal(""), "line 1: no column is called 'file'"));
  EXPECT_TRUE(contains(refusal("a.jpg,1\n"), "no column is called 'file'"));
  EXPECT_TRUE(contains(refusal("file,class\n"), "no column is called 'label'"));
  EXPECT_TRUE(contains(refusal("file,label\n"), "there is no file in it"));
}

TEST(LabelCsv, RefusesLinesOfAnotherLength) {
  EXPECT_TRUE(contains(refusal("file,label\na,1\nb\n"), "line 3: it has 1 values"));
  EXPECT_TRUE(contains(refusal("file,label\na,1,2\n"), "line 2: it has 3 values"));
}

TEST(LabelCsv, RefusesLabelsThatAreNoClassIndex) {
  for (const std::string label : {"", "-1", "1.5", "cat", " 1", "1x", "99999999999999999999"}) {
    EXPECT_TRUE(contains(refusal("file,label\na," + label + "\n"), "the label '" + label + "'"));
  }
}

TEST(LabelCsv, RefusesFilesOutsideTheFolder) {
  for (const std::string name : {"", "/etc/passwd", "../a.jpg", "a/../../b.jpg"}) {
    EXPECT_TRUE(contains(refusal("file,label\n" + name + ",1\n"), "'" + name + "' is not a file"));
  }
}

TEST(LabelCsv, RefusesAFileNamedTwiceAndQuotes) {
  EXPECT_TRUE(contains(refusal("file,label\na,1\na,2\n"), "line 3: 'a' is there twice"));
  EXPECT_TRUE(contains(refusal("file,label\n\"a\",1\n"), "quoted values are not read"));
}

}  // namespace
}  // namespace crossloom
