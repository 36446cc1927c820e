// Asks which files there are; each of these must be absent.

#if __has_include(CANARY_FILE) || __has_include(CANARY_SOCKET)
#error "got through: a file of the machine"
#endif
#if __has_include("/judge/course/grader/judging.py") || \
                  __has_include("/judge/wall") || __has_include("/tmp/judged")
#error "got through: the grader"
#endif
#if __has_include("/course/labs/pipes/main.cc") ||                \
                  __has_include(                                  \
                      "/course/labs/pipes/pipes_test.py") ||      \
                      __has_include(                              \
                          "/course/labs/pipes/exercises.toml") || \
                          __has_include(                          \
                              "/course/labs/pipes/wrong/unclosed_end.cc")
#error "got through: the checks or the solution"
#endif
#if __has_include("/proc/self/environ") ||              \
                  __has_include(                        \
                      "/proc/1/maps") ||                \
                      __has_include("/proc/cpuinfo") || \
                                    __has_include("/sys/kernel/notes")
#error "got through: processes"
#endif
#if __has_include("/etc/shadow") ||                              \
                  __has_include(                                 \
                      "/etc/hostname") ||                        \
                      __has_include(                             \
                          "/etc/machine-id") ||                  \
                          __has_include(                         \
                              "/etc/ssh/ssh_config") ||          \
                              __has_include(                     \
                                  "/root/.bashrc") ||            \
                                  __has_include(                 \
                                      "/var/lib/dpkg/status") || \
                                      __has_include(             \
                                          "/home") ||            \
                                          __has_include(         \
                                              "/dev/mem") ||     \
                                              __has_include(     \
                                                  "/dev/sda") || \
                                                  __has_include("/dev/vda")
#error "got through: the machine"
#endif
#error "nothing got through"
