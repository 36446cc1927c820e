// As many errors as the compiler will print, each of a megabyte.

#define E0       \
  struct s {     \
    int x = "x"; \
  };             \
  static_assert(false);
#define E1 E0 E0 E0 E0 E0 E0 E0 E0 E0 E0
#define E2 E1 E1 E1 E1 E1 E1 E1 E1 E1 E1
#define E3 E2 E2 E2 E2 E2 E2 E2 E2 E2 E2
template <class... T>
struct List {};
template <int N, class... T>
struct Long : Long<N - 1, T..., List<T...>> {};
template <class... T>
struct Long<0, T...> {
  static_assert(sizeof...(T) == 0);
  using type = typename List<T...>::absent;
};
Long<14>::type y;
E3 int main() {}
