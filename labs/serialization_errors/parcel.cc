#include "labs/serialization_errors/parcel.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

static_assert(std::numeric_limits<double>::is_iec559 && sizeof(double) == 8,
              "a weight is sent as the 64 bits of IEEE 754");

namespace {

template <typename Number>
void append(std::string& bytes, Number number) {
  for (size_t i = 0; i < sizeof number; ++i) {
    bytes += static_cast<char>(number >> 8 * i);
  }
}

// Takes numbers from the front of what is left; nothing once one has failed.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <typename Number>
  Number take(const char* field) {
    const std::string_view bytes = take_bytes(sizeof(Number), field);
    Number number = 0;
    for (size_t i = bytes.size(); i > 0; --i) {
      number = static_cast<Number>(number << 8U) |
               static_cast<uint8_t>(bytes[i - 1]);
    }
    return number;
  }

  std::string_view take_bytes(size_t count, const char* field) {
    if (!problem_.empty()) return {};
    if (count > left_.size()) {  // [length]
      problem_ = fmt::format("{}: {} of {} bytes", field, left_.size(), count);
      return {};
    }
    const std::string_view bytes = left_.substr(0, count);
    left_.remove_prefix(count);
    return bytes;
  }

  [[nodiscard]] std::string problem() const {
    if (!problem_.empty() || left_.empty()) return problem_;
    return fmt::format("left over: {} bytes", left_.size());
  }

 private:
  std::string_view left_;
  std::string problem_;
};

}  // namespace

std::string encode(const Parcel& parcel, uint8_t version) {
  std::string bytes;
  append(bytes, version);
  append(bytes, std::bit_cast<uint32_t>(parcel.number));
  append(bytes, std::bit_cast<uint64_t>(parcel.weight_kg));
  if (version < kNewVersion) return bytes;
  append(bytes, static_cast<uint32_t>(parcel.label.size()));
  return bytes + parcel.label;
}

Unpacked decode(std::string_view bytes, uint8_t newest) {
  Reader reader(bytes);
  const auto version = reader.take<uint8_t>("the version");
  if (bytes.empty()) return {{}, reader.problem()};
  if (version < kOldVersion || version > newest) {  // [version]
    return {{},
            fmt::format("version {}, and {} is the newest I know", version,
                        newest)};
  }
  Parcel parcel;
  parcel.number = std::bit_cast<int32_t>(reader.take<uint32_t>("the number"));
  parcel.weight_kg = std::bit_cast<double>(reader.take<uint64_t>("the weight"));
  if (version >= kNewVersion) {
    const auto size = reader.take<uint32_t>("the length of the label");
    parcel.label = reader.take_bytes(size, "the label");
  }
  std::string problem = reader.problem();
  if (problem.empty() && !(parcel.weight_kg >= 0 && parcel.weight_kg < 1000)) {
    problem = fmt::format("a weight of {} kg", parcel.weight_kg);
  }
  return {parcel, problem};
}
