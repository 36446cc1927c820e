// Twice as many templates at each step.

template <int N, class... T>
struct Wide : Wide<N - 1, T..., T..., int> {};
template <class... T>
struct Wide<0, T...> {};
Wide<60> x;
int main() {}
