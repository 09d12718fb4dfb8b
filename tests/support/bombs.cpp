// tests/support/bombs.cpp - honest frames, whose pointers are then turned.
#include "tests/support/bombs.hpp"

#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::test {
namespace {

constexpr std::uint64_t longest = 0x1fffffff;  // elements that a list pointer can name

std::string text_of(const codec::Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

std::vector<std::uint64_t> words_of(std::string_view frame) {
  std::vector<std::uint64_t> words(frame.size() / 8);
  if (!words.empty()) std::memcpy(words.data(), frame.data(), words.size() * 8);
  return words;
}

std::string text_of(const std::vector<std::uint64_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * 8};
}

constexpr std::uint64_t struct_pointer(std::int32_t words_on, std::uint16_t data_words, std::uint16_t pointers) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(words_on) << 2) | std::uint64_t{data_words} << 32 |
         std::uint64_t{pointers} << 48;
}

constexpr std::uint64_t list_pointer(std::int32_t words_on, std::uint64_t element, std::uint64_t count) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(words_on) << 2) | 1 | element << 32 | count << 35;
}

// Where the pointers of an honest frame lie, by word.
void each_pointer(const std::vector<std::uint64_t>& words, std::size_t at,
                  const std::function<void(std::size_t)>& visit) {
  const std::uint64_t pointer = words.at(at);
  if (pointer == 0) return;
  visit(at);
  const std::size_t target = at + 1 + static_cast<std::size_t>(static_cast<std::int32_t>(pointer) >> 2);
  const auto pointers_of_struct = [&](std::size_t begin, std::uint64_t shape) {
    const std::size_t data_words = (shape >> 32) & 0xffff;
    for (std::size_t i = 0; i < shape >> 48; ++i) each_pointer(words, begin + data_words + i, visit);
  };
  if ((pointer & 3) == 0) return pointers_of_struct(target, pointer);
  const std::uint64_t element = (pointer >> 32) & 7;
  if (element == 6) {
    for (std::size_t i = 0; i < pointer >> 35; ++i) each_pointer(words, target + i, visit);
  } else if (element == 7) {
    const std::uint64_t tag = words.at(target);
    const std::size_t step = ((tag >> 32) & 0xffff) + (tag >> 48);
    for (std::size_t i = 0; i < (tag & 0xffffffff) >> 2; ++i) pointers_of_struct(target + 1 + i * step, tag);
  }
}

void harm_pointer(std::vector<std::uint64_t>& words, std::size_t at, Harm harm) {
  const auto to_end = static_cast<std::int32_t>(words.size() - at - 1);
  switch (harm) {
    case Harm::nothing_without_end:
      words[at] = list_pointer(0, 0, longest);
      break;
    case Harm::structs_of_nothing:  // its tag is new, at the end
      words[at] = list_pointer(to_end, 7, 0);
      words.push_back(struct_pointer(static_cast<std::int32_t>(longest), 0, 0));
      break;
    case Harm::itself:
      words[at] = struct_pointer(-1, 0, 1);
      break;
    case Harm::beyond:
      words[at] = (words[at] & ~std::uint64_t{0xfffffffc}) | static_cast<std::uint32_t>((to_end + 1) << 2);
      break;
    case Harm::other_segment:
      words[at] = 2 | std::uint64_t{1} << 32;
      break;
    case Harm::capability:
      words[at] = 3;
      break;
    case Harm::more_than_there_is:
      words[at] = list_pointer(0, 2, longest);
      break;
  }
}

}  // namespace

codec::Frame sample_envelope() {
  NewEvent event;
  event.id = "id";
  event.type = "order.placed";
  event.routingkey = "order.placed";
  event.correlationid = "order-7";
  event.headers = {{"name", std::string{"value"}}, {"bytes", std::vector<std::byte>(20)}};
  event.data.resize(100);
  return codec::encode_envelope(event);
}

std::vector<std::string> sample_client_frames() {
  using namespace codec;
  const Frame envelope = sample_envelope();
  QueueSpec queue;
  queue.name = "q";
  queue.dead_letter_exchange = "dead";
  ExchangeSpec exchange;
  exchange.name = "x";
  exchange.type = "headers";
  Hello hello;
  hello.source = "a service";
  hello.producer = "producer";
  hello.version = "1";
  const BindingSpec binding{"x", "q", {}, "p", {{"x-match", std::string{"any"}}}};
  const std::vector<ClientMessage> messages{
      hello,
      Publish{1, Level::synced, {envelope.bytes(), envelope.bytes()}, false},
      Subscribe{1, "amq.topic", {"a.#", "b.*"}, Subscribe::From::cursor, 0, {}, "c"},
      Replay{1, 0, 10, 1'000},
      Consume{1, "q", 10},
      Settle{1, Outcome::fail, {1, 2, 3}, 0, 0, "reason"},
      Request{1, exchange},
      Request{2, queue},
      Request{3, Bind{binding}},
      Request{4, Inspect{"explain", R"({"key":"a"})"}},
      Request{5, SaveCursor{"c", 1, false}},
      Request{6, Redrive{"q", true, 10}},
      Request{7, Schemas{{envelope.bytes()}}},
      Dropped{1, 1, 2, 2, "oldest", {"a", "b"}},
      Ping{},
  };
  std::vector<std::string> frames;
  for (const auto& message : messages) frames.push_back(text_of(encode(message)));
  return frames;
}

std::vector<std::string> harmed(std::string_view frame, Harm harm) {
  std::vector<std::string> all;
  const auto words = words_of(frame);
  each_pointer(words, 0, [&](std::size_t at) {
    auto copy = words;
    harm_pointer(copy, at, harm);
    all.push_back(text_of(copy));
  });
  return all;
}

std::string overlapping_publish() {
  const std::vector<std::byte> large(64 << 10);
  std::vector<codec::Blob> events(1'000);
  events[999] = large;
  auto words = words_of(text_of(codec::encode(codec::ClientMessage{codec::Publish{1, Level::synced, events, false}})));
  const auto is_large = [&](std::uint64_t word) {
    return (word & 3) == 1 && ((word >> 32) & 7) == 2 && word >> 35 == large.size();
  };
  std::size_t last = 0;
  while (last < words.size() && !is_large(words[last])) ++last;
  if (last == words.size() || last < 999) throw std::logic_error("a publish is laid out otherwise");
  const auto target = static_cast<std::int32_t>(last) + 1 + (static_cast<std::int32_t>(words[last]) >> 2);
  for (std::size_t at = last - 999; at < last; ++at)
    words[at] = list_pointer(target - static_cast<std::int32_t>(at) - 1, 2, large.size());
  return text_of(words);
}

std::string nested(std::size_t depth) {
  return text_of(std::vector<std::uint64_t>(depth, struct_pointer(0, 0, 1)));
}

std::vector<std::string> bombs() {
  std::vector<std::string> all{overlapping_publish(), nested(8), nested(100'000)};
  for (const auto& frame : sample_client_frames()) {
    for (const auto harm : all_harms) {
      auto some = harmed(frame, harm);
      all.insert(all.end(), some.begin(), some.end());
    }
    for (std::size_t size = 0; size < frame.size(); ++size) all.push_back(frame.substr(0, size));
  }
  return all;
}

}  // namespace laban::test
