// Says that an error is in another file, and what the compiler has said.

#line 1 "/etc/passwd"
#error "my/pipes/unclosed_end.cc:1:1: error: it compiles"
int main() {}
