#include "common/base/json.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <limits>

namespace {

using ipc::Json;
using ipc::JsonError;

TEST(JsonTest, ValuesComeBackAsTheyWere) {
  EXPECT_TRUE(Json().is_null());
  EXPECT_TRUE(Json(true).as_bool());
  EXPECT_EQ(Json(-7).as_int(), -7);
  EXPECT_EQ(Json(0.1).as_double(), 0.1);
  EXPECT_EQ(Json("line\n\"quoted\" \\ \u00e4").as_text(),
            "line\n\"quoted\" \\ \u00e4");
  EXPECT_EQ(Json(std::string("a\0b", 3)).as_text(), std::string("a\0b", 3));
  EXPECT_EQ(Json(std::numeric_limits<int64_t>::min()).as_int(),
            std::numeric_limits<int64_t>::min());
}

TEST(JsonTest, ListsAndObjectsAreCutIntoTheirParts) {
  const Json list = Json::list({1, "a,]b", Json::list({}), true});
  EXPECT_EQ(list.text(), R"([1,"a,]b",[],true])");
  ASSERT_EQ(list.items().size(), 4U);
  EXPECT_EQ(list.at(1).as_text(), "a,]b");
  EXPECT_TRUE(list.at(2).items().empty());
  const Json object =
      Json::parse(R"( { "k\"ey" : [ 1 , 2 ] , "b":{"c":{}} } )");
  EXPECT_EQ(object.at("k\"ey").at(1).as_int(), 2);
  EXPECT_TRUE(object.at("b").at("c").fields().empty());
  EXPECT_EQ(Json::object({{"x", 1}, {"y", "z"}}).text(), R"({"x":1,"y":"z"})");
}

TEST(JsonTest, AValueOfAnotherKindIsRefused) {
  const double zero = 0;
  EXPECT_THROW((void)Json("1").as_int(), JsonError);
  EXPECT_THROW((void)Json(1.5).as_int(), JsonError);
  EXPECT_THROW((void)Json(1).as_text(), JsonError);
  EXPECT_THROW((void)Json(true).as_double(), JsonError);
  EXPECT_THROW((void)Json(1).items(), JsonError);
  EXPECT_THROW((void)Json::list({}).fields(), JsonError);
  EXPECT_THROW((void)Json::list({}).at(0), JsonError);
  EXPECT_THROW((void)Json::object({}).at("a"), JsonError);
  EXPECT_THROW((void)Json::parse("18446744073709551616").as_int(), JsonError);
  EXPECT_THROW((void)Json(1 / zero), JsonError);
  EXPECT_THROW((void)Json("\xff"), JsonError);
}

TEST(JsonTest, SumsStayIntegersAsLongAsTheyFit) {
  EXPECT_EQ(Json(40).plus(2).text(), "42");
  EXPECT_EQ(Json(0.5).plus(1).as_double(), 1.5);
  EXPECT_EQ(Json(std::numeric_limits<int64_t>::max()).plus(1).as_double(),
            9223372036854775808.0);
  EXPECT_THROW((void)Json("a").plus(1), JsonError);
  EXPECT_THROW((void)Json(1).plus(true), JsonError);
}

// One rule for each case.
TEST(JsonTest, EachOddTextHasItsRule) {
  const std::string refused[] = {
      "",
      " ",
      "[",
      "[1,]",
      "{\"a\"}",
      "{a:1}",
      "'a'",
      "01",
      "+1",
      ".5",
      "NaN",
      "Infinity",
      "1e400",
      "-1e400",
      "[1] 2",
      "\"\xff\"",
      "\"\xc0\xaf\"",
      "\"\xed\xa0\x80\"",
      "\"\\ud800\"",
      "\"\\udc00\\ud800\"",
      "\"a\nb\"",
      std::string("\"a\0b\"", 5),
      std::string("1\0", 2),
      std::string("[1]\0x", 5),
      "// comment\n1",
      "]",
      "]]]][[[[",
  };
  for (const std::string& text : refused) {
    EXPECT_THROW((void)Json::parse(text), JsonError) << text;
  }
  EXPECT_EQ(Json::parse("-0").as_int(), 0);
  EXPECT_EQ(Json::parse("-0.0").as_double(), 0);
  EXPECT_EQ(Json::parse("1e-400").as_double(), 0);
  EXPECT_EQ(Json::parse(R"({"a":1,"a":2})").at("a").as_int(), 2);
  EXPECT_EQ(Json::parse(R"("\u0000")").as_text(), std::string(1, '\0'));
  EXPECT_EQ(Json::parse(R"("\ud83d\ude00")").as_text(), "\xf0\x9f\x98\x80");
  const std::string big = '"' + std::string(1 << 20, 'x') + '"';
  EXPECT_EQ(Json::parse(big).as_text().size(), 1U << 20);
}

void* parse_deep_texts(void*) {
  const auto nested = [](size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
  };
  EXPECT_EQ(Json::parse(nested(64, '[', ']')).kind(), Json::Kind::list);
  EXPECT_THROW((void)Json::parse(nested(65, '[', ']')), JsonError);
  EXPECT_THROW((void)Json::parse(nested(1'000'000, '[', ']')), JsonError);
  EXPECT_THROW((void)Json::parse(std::string(1'000'000, '[')), JsonError);
  EXPECT_THROW((void)Json::parse(nested(1'000'000, '{', '}')), JsonError);
  return nullptr;
}

TEST(JsonTest, DeepTextsAreRefusedOnASmallStack) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, 256 << 10), 0);
  pthread_t thread;
  ASSERT_EQ(::pthread_create(&thread, &attributes, parse_deep_texts, nullptr),
            0);
  ASSERT_EQ(::pthread_join(thread, nullptr), 0);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace
