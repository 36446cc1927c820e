// Characters that a terminal, a page, a table or a parser would obey.

#include "attack.h"

int main() {
  const char text[] =
      "Main: FAIL \x1b]0;title\x07\x1b[2J\x1b[31m\x9b"
      "2J\r\b\v\f\xff\xfe\xc0\xaf\xed\xa0\x80\xe2\x80\xa8\xe2\x80\xae"
      "<script>alert(1)</script>]]>&\"'=cmd|' /C calc'!A0,\x7f\x01\x1f%s%n";
  fwrite(text, 1, sizeof text, stdout);  // With its NUL.
  puts("");
  fwrite(text, 1, sizeof text, stderr);
  fflush(stdout);
  return 1;
}
