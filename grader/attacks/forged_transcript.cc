// Prints the whole transcript of a right program, from a single process.

#include "attack.h"

int main() {
  puts("Sender: Sent 'Message 0'");
  puts("Receiver: Got 'Message 0'");
  puts("Receiver: Done receiving: end of file, no sender is left");
  return attack::end();
}
