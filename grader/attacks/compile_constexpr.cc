// Has the compiler compute without end.

constexpr unsigned long turn(unsigned long x) {
  for (;;) x = x * 3 + 1;
}
constexpr unsigned long kNever = turn(1);
int main() {}
