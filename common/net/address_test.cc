#include "common/net/address.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <string>

#include "common/testing/test_basics.h"

namespace {

using ipc::Address;

int error_of(const std::string& text) {
  return ipc::testing::error_of([&] { (void)Address(text); });
}

TEST(Address, IsAHostWithAPortOrAPath) {
  EXPECT_FALSE(Address("127.0.0.1:0").is_path());
  EXPECT_FALSE(Address("localhost:65535").is_path());
  EXPECT_FALSE(Address("[::1]:80").is_path());
  EXPECT_TRUE(Address("/tmp/x:80").is_path());
  EXPECT_EQ(Address("/tmp/x:80").text(), "/tmp/x:80");
}

TEST(Address, RefusesAnyOtherText) {
  using std::string_literals::operator""s;
  for (const std::string& text :
       {""s, "localhost"s, ":80"s, "localhost:"s, "localhost:65536"s,
        "localhost:-1"s, "localhost:+1"s, "localhost: 1"s, "localhost:80x"s,
        "::1:80"s, "[]:80"s, "relative/path"s, "/tmp/a\0b"s}) {
    EXPECT_EQ(error_of(text), EINVAL) << text;
  }
}

TEST(Address, APathMustFitIntoASocketsName) {
  EXPECT_EQ(error_of("/" + std::string(106, 'x')), 0);
  EXPECT_EQ(error_of("/" + std::string(107, 'x')), ENAMETOOLONG);
}

TEST(Address, ComesBackFromTheSocketAddressAsItWas) {
  for (const char* const text : {"127.0.0.1:5000", "[::1]:5000", "/tmp/x"}) {
    const auto found = ipc::resolve(Address(text));
    ASSERT_EQ(found.size(), 1U) << text;
    EXPECT_EQ(found[0].text(), text);
  }
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(ipc::resolve(Address(longest))[0].text(), longest);
}

TEST(Address, OfIpv6ThatMapsIpv4IsShownAsIpv4) {
  EXPECT_EQ(ipc::resolve(Address("[::ffff:127.0.0.1]:80"))[0].text(),
            "127.0.0.1:80");
}

TEST(Address, OfALinkNamesItsDeviceButNotInTheTextForBothEnds) {
  const auto found = ipc::resolve(Address("[fe80::1%lo]:80"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].text(), "[fe80::1%lo]:80");
  EXPECT_EQ(found[0].text_for_both(), "[fe80::1]:80");
}

TEST(Address, AnUnknownHostIsAnError) {
  EXPECT_THROW((void)ipc::resolve(Address("[no.such.address]:80")),
               std::system_error);
}

}  // namespace
