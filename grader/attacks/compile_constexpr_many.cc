// Computes as much as the compiler allows at a time, very often.

constexpr unsigned long work(unsigned long x) {
  for (int i = 0; i < 200'000; ++i) x = x * 3 + 1;
  return x;
}
template <unsigned long N>
struct Work {
  static constexpr unsigned long value =
      work(N) + Work<2 * N + 1>::value + Work<2 * N>::value;
};
template <unsigned long N>
requires(N > (1 << 20)) struct Work<N> {
  static constexpr unsigned long value = work(N);
};
static_assert(Work<1>::value != 0);
int main() {}
