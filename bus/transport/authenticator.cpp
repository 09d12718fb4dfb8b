// bus/transport/authenticator.cpp - one question, one answer.
#include "bus/transport/authenticator.hpp"

#include <array>
#include <utility>
#include <vector>

namespace laban::transport {
namespace {

// The frames of a question, and of an answer.
enum Question : std::size_t { version_frame, request_frame, mechanism_frame = 5, key_frame, question_frames };

constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_characters = 40;

std::string text_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

std::string z85(const zmq::message_t& key) {
  std::array<char, key_characters + 1> text{};
  zmq_z85_encode(text.data(), static_cast<const std::uint8_t*>(key.data()), key.size());
  return text.data();
}

}  // namespace

Authenticator::Authenticator(zmq::context_t& context, PrincipalOf principal_of)
    : principal_of_(std::move(principal_of)), questions_(context, zmq::socket_type::rep) {
  questions_.set(zmq::sockopt::linger, 0);
  questions_.bind("inproc://zeromq.zap.01");
}

void Authenticator::serve() {
  for (;;) {
    std::vector<zmq::message_t> question;
    do {
      question.emplace_back();
      if (!questions_.recv(question.back(), zmq::recv_flags::dontwait)) return;
    } while (question.back().more());
    answer(question);
  }
}

void Authenticator::answer(const std::vector<zmq::message_t>& question) {
  std::optional<std::string> principal;
  if (question.size() == question_frames && text_of(question[mechanism_frame]) == "CURVE" &&
      question[key_frame].size() == key_bytes) {
    principal = principal_of_(z85(question[key_frame]));
  }
  const std::array<std::string, 6> frames{"1.0",
                                          question.size() > request_frame ? text_of(question[request_frame]) : "",
                                          principal ? "200" : "400",
                                          principal ? "OK" : "the hub does not know this key",
                                          principal.value_or(""),
                                          ""};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    (void)questions_.send(zmq::buffer(frames[i]), more);
  }
}

std::string_view Authenticator::principal(const zmq::message_t& message) {
  const char* user = zmq_msg_gets(const_cast<zmq::message_t&>(message).handle(), "User-Id");
  return user == nullptr ? std::string_view{} : std::string_view{user};
}

}  // namespace laban::transport
