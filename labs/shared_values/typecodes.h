// What Python's typecodes are in C++.
#pragma once

#include "common/report/report.h"

template <typename T>
void say_typecode(char typecode, const char* type) {
  ipc::say("'{}' is {}, {} byte{}", typecode, type, sizeof(T),
           sizeof(T) == 1 ? "" : "s");
}

// All that multiprocessing.Value and Array know.
inline void say_typecodes() {
  say_typecode<char>('c', "char");  // [letters]
  say_typecode<wchar_t>('u', "wchar_t");
  say_typecode<signed char>('b', "signed char");
  say_typecode<unsigned char>('B', "unsigned char");
  say_typecode<short>('h', "short");
  say_typecode<unsigned short>('H', "unsigned short");
  say_typecode<int>('i', "int");
  say_typecode<unsigned>('I', "unsigned");
  say_typecode<long>('l', "long");
  say_typecode<unsigned long>('L', "unsigned long");
  say_typecode<long long>('q', "long long");
  say_typecode<unsigned long long>('Q', "unsigned long long");
  say_typecode<float>('f', "float");
  say_typecode<double>('d', "double");
}
