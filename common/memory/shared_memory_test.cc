#include "common/memory/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/sync/lock.h"
#include "common/testing/test_faults.h"

namespace {

namespace fs = std::filesystem;
using ipc::SharedMemory;

// How many calls of posix_fallocate(3) a signal interrupts. The newest
// kernels let only deadly ones, so a test cannot wait for real ones.
int interruptions = 0;

// Whether this process seems to belong to another user than its files.
bool is_stranger = false;

}  // namespace

// In place of the C library's: not every machine lets a test be two users.
extern "C" uid_t geteuid() noexcept {
  const auto uid = static_cast<uid_t>(::syscall(SYS_geteuid));
  return is_stranger ? uid + 1 : uid;
}

// In place of the C library's.
extern "C" int posix_fallocate(int fd, off_t offset, off_t length) {
  if (interruptions > 0) {
    --interruptions;
    return EINTR;
  }
  return ::fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

namespace {

struct SharedMemoryTest : testing::Test {
  ~SharedMemoryTest() override { SharedMemory::unlink(name); }
  std::string name = ipc::unique_name("memory");
  std::string path = "/dev/shm/" + name;
};

// The error that `action` throws: its number, 0 if none, and its text.
struct Failure {
  int error = 0;
  std::string text;
};

template <typename Action>
Failure failure_of(Action action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return {error.code().value(), error.what()};
  }
  return {};
}

int& first_int(const SharedMemory& memory) {
  return *static_cast<int*>(memory.data());
}

TEST_F(SharedMemoryTest, AnotherProcessFindsItByName) {
  const auto ours = SharedMemory::create(name, 10'000);
  EXPECT_EQ(ours.size(), 10'000U);
  first_int(ours) = 7;
  ipc::Process stranger("stranger", [&] {
    const auto theirs = SharedMemory::open(name);
    if (theirs.size() != 10'000) ::_exit(2);
    first_int(theirs) += 1;
  });
  EXPECT_EQ(stranger.join(), 0);
  EXPECT_EQ(first_int(ours), 8);
}

TEST_F(SharedMemoryTest, CloseIsForOneProcessAndUnlinkForAll) {
  auto ours = SharedMemory::create(name, 100);
  const auto theirs = SharedMemory::open(name);
  first_int(ours) = 7;
  ours.close();
  ours.close();
  EXPECT_EQ(ours.data(), nullptr);
  EXPECT_EQ(ours.size(), 0U);
  EXPECT_EQ(first_int(theirs), 7);
  EXPECT_EQ(first_int(SharedMemory::open(name)), 7);

  EXPECT_TRUE(theirs.unlink());
  EXPECT_FALSE(theirs.unlink());
  EXPECT_EQ(first_int(theirs), 7) << "a process that has it keeps it";
  EXPECT_EQ(failure_of([&] { SharedMemory::open(name); }).error, ENOENT);
}

TEST_F(SharedMemoryTest, IsForThisUserOnlyAndBeginsWithZeros) {
  const auto memory = SharedMemory::create(name, 8192);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  const auto* const bytes = static_cast<const char*>(memory.data());
  EXPECT_EQ(std::count(bytes, bytes + 8192, 0), 8192);
}

TEST_F(SharedMemoryTest, MovingLeavesOneOwner) {
  auto memory = SharedMemory::create(name, 100);
  first_int(memory) = 7;
  auto moved = std::move(memory);
  EXPECT_EQ(first_int(moved), 7);
  memory = SharedMemory::anonymous(100);
  memory = std::move(moved);
  EXPECT_EQ(first_int(memory), 7);
  EXPECT_EQ(memory.name(), name);
}

// Whatever kind of file has the name: it is not opened or changed.
TEST_F(SharedMemoryTest, ANameThatIsTakenIsAnErrorWhateverItIs) {
  const auto create = [&] { SharedMemory::create(name, 100); };
  const auto open = [&] { SharedMemory::open(name); };
  const ipc::TempDir dir;
  const std::string victim = dir.file("victim");
  std::ofstream(victim) << "victim";

  std::ofstream(path) << "theirs";
  EXPECT_EQ(failure_of(create).error, EEXIST);
  fs::remove(path);
  fs::create_symlink(victim, path);
  EXPECT_EQ(failure_of(create).error, EEXIST);
  EXPECT_EQ(failure_of(open).error, ELOOP);
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(failure_of(create).error, EEXIST);
  EXPECT_EQ(failure_of(open).error, EINVAL);
  EXPECT_NE(failure_of(open).text.find("0 bytes"), std::string::npos);
  fs::remove(path);
  EXPECT_EQ(fs::file_size(victim), 6U);
}

TEST_F(SharedMemoryTest, MemoryIsNotOpenedByAnotherUser) {
  const auto memory = SharedMemory::create(name, 100);
  is_stranger = true;
  const int error = failure_of([&] { SharedMemory::open(name); }).error;
  is_stranger = false;
  EXPECT_EQ(error, EPERM);
  EXPECT_EQ(failure_of([&] { SharedMemory::open(name); }).error, 0);
}

TEST_F(SharedMemoryTest, AWrongNameOrSizeIsAnError) {
  for (const std::string& wrong :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("/a"), std::string(256, 'a'), std::string("a\0b", 3)}) {
    const auto create = [&] { SharedMemory::create(wrong, 100); };
    EXPECT_EQ(failure_of(create).error, EINVAL) << wrong;
    EXPECT_EQ(failure_of([&] { SharedMemory::open(wrong); }).error, EINVAL);
    EXPECT_EQ(failure_of([&] { SharedMemory::unlink(wrong); }).error, EINVAL);
  }
  EXPECT_EQ(failure_of([&] { SharedMemory::create(name, 0); }).error, EINVAL);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(SharedMemoryTest, TheNameAppearsWithTheFirstContents) {
  bool seen = false;
  const auto memory =
      SharedMemory::create(name, 100, [&](void* data, size_t size) {
        seen = fs::exists(path);
        std::memset(data, 'x', size);
      });
  EXPECT_FALSE(seen);
  EXPECT_EQ(*static_cast<char*>(SharedMemory::open(name).data()), 'x');
}

TEST_F(SharedMemoryTest, ACreatorKilledAtAnyCallLeavesACompleteObjectOrNone) {
  constexpr size_t kSize = 100'000;
  const auto create = [&] {
    SharedMemory::create(name, kSize, [](void* data, size_t size) {
      std::memset(data, 'x', size);
    });
  };
  int complete = 0;
  int stop = 1;
  for (; ipc::killed_at(stop, create); ++stop) {
    if (!fs::exists(path)) continue;
    ++complete;
    const auto memory = SharedMemory::open(name);
    ASSERT_EQ(memory.size(), kSize) << "killed at stop " << stop;
    const auto* const bytes = static_cast<const char*>(memory.data());
    ASSERT_EQ(std::count(bytes, bytes + kSize, 'x'), kSize) << stop;
    memory.unlink();
  }
  EXPECT_GT(complete, 0) << "never killed after the name appeared";
  EXPECT_GT(stop - complete, 5) << "hardly ever killed before it appeared";
}

TEST_F(SharedMemoryTest, AFullDiskIsAnErrorWithFiguresAndLeavesNothing) {
  ipc::Pipe report = ipc::make_pipe();
  ipc::Process child("child", [&] {
    std::string text = ipc::enter_small_disk("/dev/shm", 1 << 20);
    if (text.empty()) {
      const auto create = [&] { SharedMemory::create(name, 8 << 20); };
      text = "+" + failure_of(create).text;
      if (!fs::is_empty("/dev/shm")) text += " - something is left";
    }
    (void)!::write(report.writer.get(), text.data(), text.size());
  });
  report.writer.reset();
  std::string text(4096, '\0');
  const ssize_t length = ::read(report.reader.get(), text.data(), text.size());
  text.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
  ASSERT_EQ(child.join(), 0);
  if (!text.starts_with('+')) GTEST_SKIP() << text;
  EXPECT_EQ(text,
            "+shared memory of 8388608 bytes, 1048576 free in /dev/shm: "
            "No space left on device");
}

TEST_F(SharedMemoryTest, AFailureHalfwayLeavesNothing) {
  ipc::Process child("child", [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto create = [&] { SharedMemory::create(name, 8 << 20); };
    if (failure_of(create).error != EFBIG) ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_FALSE(fs::exists(path));
  const auto fill = [](void*, size_t) { throw 7; };
  EXPECT_ANY_THROW(SharedMemory::create(name, 100, fill));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(SharedMemoryTest, SignalsDoNotDisturbACreator) {
  interruptions = 5;
  const auto memory = SharedMemory::create(name, 10 << 20);
  EXPECT_EQ(interruptions, 0);
  EXPECT_EQ(memory.size(), 10U << 20U);
  EXPECT_EQ(fs::file_size(path), 10U << 20U);
}

TEST_F(SharedMemoryTest, AnonymousMemoryCannotChangeItsSize) {
  const auto memory = SharedMemory::anonymous(8192);
  first_int(memory) = 7;
  ipc::Process attacker("attacker", [&] {
    // By the descriptor, and by opening the file again.
    const std::string link = "/proc/self/fd/" + std::to_string(memory.fd());
    const int again = ::open(link.c_str(), O_RDWR);
    for (const int fd : {memory.fd(), again}) {
      if (::ftruncate(fd, 0) != -1 || errno != EPERM) ::_exit(2);
      if (::ftruncate(fd, 1 << 20) != -1 || errno != EPERM) ::_exit(3);
    }
  });
  EXPECT_EQ(attacker.join(), 0);
  EXPECT_EQ(first_int(memory), 7);
}

TEST_F(SharedMemoryTest, AnonymousMemoryIsAttachedToByDescriptor) {
  const auto ours = SharedMemory::anonymous(8192);
  EXPECT_EQ(ours.name(), "");
  const auto theirs = SharedMemory::attach(ipc::UniqueFd(::dup(ours.fd())));
  EXPECT_NE(theirs.data(), ours.data());
  first_int(theirs) = 7;
  EXPECT_EQ(first_int(ours), 7);
}

TEST_F(SharedMemoryTest, UnsealedMemoryIsNotAttachedTo) {
  const auto named = SharedMemory::create(name, 100);
  ipc::UniqueFd fd(::open(path.c_str(), O_RDWR));
  const auto attach = [&] { SharedMemory::attach(std::move(fd)); };
  EXPECT_EQ(failure_of(attach).error, EPERM);
}

TEST_F(SharedMemoryTest, AccessIsAnErrorAfterCloseAndBeyondTheEnd) {
  auto memory = SharedMemory::create(name, sizeof(int));
  memory.as<int>() = 7;
  EXPECT_EQ(first_int(memory), 7);
  EXPECT_EQ(failure_of([&] { (void)memory.as<double>(); }).error, EINVAL);
  memory.close();
  EXPECT_EQ(failure_of([&] { (void)memory.as<int>(); }).error, EBADF);
  EXPECT_TRUE(SharedMemory::unlink(name));
}

TEST_F(SharedMemoryTest, APythonProcessSharesItByName) {
  if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "no /usr/bin/python3";
  const auto ours = SharedMemory::create(name, 4096);
  first_int(ours) = 7;
  // Python's resource tracker would unlink the name when it exits.
  const std::string script =
      "from multiprocessing import resource_tracker, shared_memory\n"
      "resource_tracker.register = lambda *a: None\n"
      "s = shared_memory.SharedMemory('" +
      name +
      "')\n"
      "assert s.size == 4096 and s.buf[0] == 7\n"
      "s.buf[0] = 8\n"
      "s.close()\n"
      "t = shared_memory.SharedMemory('" +
      name +
      "-2', True, 100)\n"
      "t.buf[0] = 9\n"
      "t.close()\n";
  ipc::Process python("python", [&] {
    ::execl("/usr/bin/python3", "python3", "-I", "-c", script.c_str(), nullptr);
    ::_exit(127);
  });
  ASSERT_EQ(python.join(), 0);
  EXPECT_EQ(first_int(ours), 8);
  const auto theirs = SharedMemory::open(name + "-2");
  EXPECT_EQ(first_int(theirs), 9);
  EXPECT_TRUE(theirs.unlink());
}

TEST(SharedMemory, ProgramsThatAreStartedDoNotGetAnonymousMemory) {
  const auto memory = ipc::SharedMemory::anonymous(100);
  EXPECT_EQ(::fcntl(memory.fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(SharedMemoryTest, TooMuchMemoryIsRefusedBeforeAnyOfItIsTaken) {
  constexpr size_t kMuch = size_t{1} << 60U;
  const Failure named = failure_of([&] { SharedMemory::create(name, kMuch); });
  EXPECT_EQ(named.error, ENOSPC);
  EXPECT_FALSE(fs::exists(path));
  const Failure anonymous =
      failure_of([] { (void)SharedMemory::anonymous(kMuch); });
  EXPECT_EQ(anonymous.error, ENOMEM);
  for (const std::string& text : {named.text, anonymous.text}) {
    EXPECT_NE(text.find("of 1152921504606846976 bytes, "), std::string::npos)
        << text;
  }
}

TEST_F(SharedMemoryTest, AFileSizeLimitIsAnErrorAndNotASignal) {
  ipc::Process child("child", [&] {
    const rlimit limit{10'000, 10'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto create = [&] { SharedMemory::create(name, 20'000); };
    const auto make = [] { (void)SharedMemory::anonymous(20'000); };
    ::_exit(failure_of(create).error == EFBIG && failure_of(make).error == EFBIG
                ? 0
                : 1);
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_FALSE(fs::exists(path));
}

// A type of which zeros are not a valid value.
struct Account {
  explicit Account(int first) : balance(first) {}
  ipc::Lock lock;
  int balance;
};

struct Counters {
  std::atomic<int> one;
};

template <typename T>
concept CanBeZeroes = requires(const SharedMemory& memory) {
  memory.as<T>();
};
static_assert(CanBeZeroes<int> && CanBeZeroes<std::atomic<int>>);
static_assert(CanBeZeroes<std::array<uint64_t, 4>>);
static_assert(!CanBeZeroes<ipc::Lock> && !CanBeZeroes<Account>,
              "a lock of zeroes would stay locked when its owner dies");
static_assert(!CanBeZeroes<int*> && !CanBeZeroes<std::string>);
static_assert(!CanBeZeroes<Counters>, "kZeroesMake has to be declared");

TEST_F(SharedMemoryTest, AnObjectIsConstructedBeforeItHasAName) {
  const auto memory = SharedMemory::create<Account>(name, 40);
  ipc::Process owner("owner", [&] {
    const auto theirs = SharedMemory::open(name);
    (void)theirs.object<Account>().lock.lock();
    theirs.object<Account>().balance += 2;
    ::raise(SIGKILL);
  });
  EXPECT_EQ(owner.join(), -SIGKILL);
  const ipc::Guard guard(memory.object<Account>().lock);
  EXPECT_TRUE(guard.owner_died()) << "a constructed lock is a robust mutex";
  EXPECT_EQ(memory.object<Account>().balance, 42);
}

TEST_F(SharedMemoryTest, AnObjectThatWasNotConstructedIsAnError) {
  const auto zeroes = SharedMemory::create(name, 4096);
  EXPECT_EQ(failure_of([&] { (void)zeroes.object<Account>(); }).error, EINVAL);
  auto other = SharedMemory::anonymous<Account>(1);
  EXPECT_EQ(other.object<Account>().balance, 1);
  EXPECT_EQ(failure_of([&] { (void)other.object<int>(); }).error, EINVAL);
  struct Large {
    std::array<char, 8192> bytes;
  };
  EXPECT_EQ(failure_of([&] { (void)other.object<Large>(); }).error, EINVAL);
  other.close();
  EXPECT_EQ(failure_of([&] { (void)other.object<Account>(); }).error, EBADF);
}

}  // namespace
