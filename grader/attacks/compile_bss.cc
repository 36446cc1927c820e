// A small program that wants a terabyte when it starts.

char big[1ULL << 40];
int main() { return big[12345]; }
