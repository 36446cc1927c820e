// config_store save <file>: all of standard input becomes the configuration.
// config_store load <file>: prints the configuration. See README.md.

#include <stdio.h>

#include <string_view>

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what != "save" && what != "load") {
    ::fputs("usage: config_store save|load <file>\n", stderr);
    return 2;
  }
  // TODO: save all or nothing, whichever process dies; load the whole of what
  // was saved last. If that fails: one line on standard error, and status 1.
  ::fputs("config_store: not written yet\n", stderr);
  return 1;
}
