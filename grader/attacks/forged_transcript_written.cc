// Prints the transcript of the whole lab where a function was to be written.

#include "attack.h"

int main() {
  puts("Main: Act 1: the sender says that it is done");
  puts("Sender: Starting to send messages");
  puts("Receiver: Starting to receive");
  puts("Receiver: No message received in the last second");
  for (int i = 0; i < 5; ++i) {
    printf("Sender: Sent 'Message %d'\n", i);
    printf("Receiver: Got 'Message %d'\n", i);
  }
  puts("Sender: Done sending");
  puts("Receiver: Done receiving: the sender said so");
  puts("Receiver: Starting to receive");
  puts("Receiver: No message received in the last second");
  puts("Sender: Starting to send messages");
  for (int i = 0; i < 2; ++i) {
    printf("Sender: Sent 'Message %d'\n", i);
    printf("Receiver: Got 'Message %d'\n", i);
  }
  puts("Receiver: Done receiving: end of file, no sender is left");
  puts("Main: The sender was killed by SIGKILL");
  return attack::end();
}
