// Templates in templates, without end.

template <int N>
struct Deeper {
  using type = typename Deeper<N + 1>::type;
};
Deeper<0>::type x;
int main() {}
