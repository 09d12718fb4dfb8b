// bus/client/session.cpp - the I/O loop: keep alive, say, wait, listen.
#include "bus/client/session.hpp"

#include <pthread.h>
#include <signal.h>

#include <random>

#include "bus/client/log.hpp"

#ifndef LABAN_VERSION
#define LABAN_VERSION "0"
#endif

namespace laban::client {

using namespace std::chrono_literals;

namespace {

constexpr int messages_a_round = 256;  // then others get their turn
constexpr auto patience = 2s;          // until an absent hub is worth a line
constexpr auto idle_wait = 500ms;

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Session::Session(SessionOptions options, std::unique_ptr<transport::ClientLink> link, Signal& signal)
    : options_(std::move(options)), link_(std::move(link)), signal_(signal) {
  // The thread takes no signals: they are for the application's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Session::~Session() {
  stop();
}

void Session::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  link_->wake();
  thread_.join();
}

void Session::add(std::shared_ptr<Part> part) {
  {
    const std::lock_guard lock{mutex_};
    new_parts_.push_back(std::move(part));
  }
  link_->wake();
}

void Session::nudge() {
  // Looking first keeps a busy publisher from writing to what the other thread reads.
  if (asleep_ && asleep_.exchange(false)) link_->wake();
}

bool Session::wait_until_connected(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, wait, [&] { return connected_ || error_; });
  if (error_) throw *error_;
  return connected_;
}

std::string Session::absence() const {
  const std::lock_guard lock{mutex_};
  if (!trouble_.empty()) return "no hub answers at " + options_.hub + ": " + trouble_;
  return "no hub answers at " + options_.hub +
         ": start one with `laban hub`, or give its address with --hub or LABAN_HUB";
}

void Session::check() const {
  if (!has_failed_) return;
  const std::lock_guard lock{mutex_};
  if (error_) throw *error_;
}

void Session::fail(const Error& error) {
  {
    const std::lock_guard lock{mutex_};
    if (error_) return;
    error_ = error;
    has_failed_ = true;
    connected_ = false;
  }
  changed_.notify_all();
  link_->wake();
}

void Session::add_to(BusStats& stats) const {
  stats.malformed += malformed_;
  stats.reconnects += reconnects_;
}

void Session::work() {
  pthread_setname_np(pthread_self(), "laban-bus");
  joining_since_ = Clock::now();
  try {
    while (!stopping_) round();
    if (state_ == State::open) say_goodbye();
    link_->close(state_ == State::open ? 300ms : 0ms);
  } catch (const Error& error) {
    fail(error);
  } catch (const std::exception& error) {
    fail(Error(Errc::unreachable,
               std::string{"the connection to the hub broke down ("} + error.what() + "): start again"));
  }
  if (!stopping_) adopt_parts();
  std::optional<Error> error;
  {
    const std::lock_guard lock{mutex_};
    error = error_;
  }
  for (const auto& part : parts_)
    part->failed(error.value_or(Error(Errc::closed, "the bus is closed: make a new one")));
  signal_.raise();
}

void Session::round() {
  adopt_parts();
  const auto now = Clock::now();
  {
    const std::lock_guard lock{mutex_};
    if (error_ && state_ != State::failed) {
      state_ = State::failed;
      link_->close(0ms);
    }
  }
  if (state_ == State::failed) {
    // Nothing more is said; parts hear of it, also those that come later.
    std::optional<Error> error;
    {
      const std::lock_guard lock{mutex_};
      error = error_;
    }
    for (const auto& part : parts_) part->failed(*error);
    signal_.raise();
    link_->wait(idle_wait, false);
    return;
  }
  // Listening comes before judging the hub's silence: it may be us who were stopped for a while.
  receive();
  receive_feeds();
  if (link_->broke() && (state_ == State::open || state_ == State::greeted)) lose("the connection broke");
  keep_alive(now);
  if (state_ == State::open) flush_parts();
  sleep(now);
}

void Session::adopt_parts() {
  std::vector<std::shared_ptr<Part>> fresh;
  {
    const std::lock_guard lock{mutex_};
    fresh.swap(new_parts_);
  }
  for (auto& part : fresh) {
    if (state_ == State::open) {
      codec::Welcome known;
      known.log_id = log_id_;
      known.generation = generation_;
      known.last_sequence = last_sequence_;
      part->welcomed(known);
    }
    parts_.push_back(std::move(part));
  }
}

void Session::keep_alive(Clock::time_point now) {
  switch (state_) {
    case State::joining:
      join(now);
      break;
    case State::greeted:
      if (now - spoke_ > options_.silence) lose("it did not answer a hello");
      break;
    case State::open:
      if (now - heard_ > options_.silence) {
        lose("it is silent");
      } else if (now - std::min(heard_, spoke_) > options_.ping && now - pinged_ > options_.ping) {
        pinged_ = now;
        say(codec::ClientMessage{codec::Ping{}});
      }
      break;
    case State::failed:
      break;
  }
  report_absence(now);
}

void Session::join(Clock::time_point now) {
  codec::Hello hello;
  hello.source = options_.source;
  hello.producer = options_.producer;
  hello.named = options_.named;
  hello.session = random_number();
  hello.log_id = log_id_;
  hello.version = LABAN_VERSION;
  if (say(codec::ClientMessage{hello})) {
    state_ = State::greeted;
    spoke_ = now;
  }
}

void Session::lose(const std::string& why) {
  if (state_ == State::open) {
    log_warning("the hub at " + options_.hub + " is gone (" + why +
                "): waiting for it; nothing unconfirmed is forgotten");
    absence_reported_ = true;
    for (const auto& part : parts_) part->gone();
    connected_ = false;
    signal_.raise();
  }
  if (state_ != State::joining) joining_since_ = Clock::now();
  state_ = State::joining;
  full_ = false;
  link_->restart();
}

void Session::report_absence(Clock::time_point now) {
  if (state_ == State::open) return;
  const std::string trouble = link_->trouble();
  {
    const std::lock_guard lock{mutex_};
    trouble_ = trouble;
  }
  if (absence_reported_ || now - joining_since_ < patience) return;
  absence_reported_ = true;
  log_warning(absence() + "; waiting for it");
}

void Session::flush_parts() {
  for (const auto& part : parts_) part->collect();
  full_ = false;
  for (const auto& part : parts_) {
    if (!part->flush(*this)) {
      full_ = true;
      return;
    }
  }
}

bool Session::parts_have_work() const {
  for (const auto& part : parts_) {
    if (part->has_work()) return true;
  }
  const std::lock_guard lock{mutex_};
  return !new_parts_.empty() || (error_ && state_ != State::failed);
}

void Session::sleep(Clock::time_point now) {
  auto until = now + idle_wait;
  const bool waits_for_room = full_ || state_ == State::joining;
  if (state_ == State::open) {
    until = std::min(until, std::max(std::min(heard_, spoke_), pinged_) + options_.ping);
    for (const auto& part : parts_) until = std::min(until, part->deadline());
  }
  // Whoever leaves work after this either sees us asleep and wakes us, or has left it before we look.
  asleep_ = true;
  const bool work = stopping_ || (state_ == State::open && !full_ && parts_have_work());
  const auto limit = work ? 0ms : std::chrono::ceil<std::chrono::milliseconds>(until - now);
  link_->wait(std::max(limit, 0ms), waits_for_room);
  asleep_ = false;
}

void Session::receive() {
  for (int count = 0; count < messages_a_round; ++count) {
    auto frame = std::make_shared<codec::Frame>();
    if (!link_->receive(*frame)) return;
    heard_ = Clock::now();
    const auto decoded = codec::decode_hub_message(*frame);
    if (const auto* message = std::get_if<codec::HubMessage>(&decoded)) {
      handle(*message, frame);
    } else {
      ++malformed_;
    }
    if (state_ == State::failed) return;
  }
}

void Session::receive_feeds() {
  codec::Frame id;
  for (int count = 0; count < messages_a_round; ++count) {
    auto frame = std::make_shared<codec::Frame>();
    if (!link_->receive_feed(id, *frame)) return;
    if (id.size() != codec::feed_id_bytes || frame->empty()) {
      ++malformed_;
      continue;
    }
    for (const auto& part : parts_) part->received_feed(std::as_const(id).bytes(), frame);
  }
}

void Session::handle(const codec::HubMessage& message, const SharedFrame& frame) {
  if (const auto* welcome = std::get_if<codec::Welcome>(&message)) {
    handle_welcome(*welcome);
    return;
  }
  if (const auto* refused = std::get_if<codec::Refused>(&message)) {
    handle_refused(*refused, frame);
    return;
  }
  if (state_ != State::open) return;  // of a session that is over
  bool known = std::holds_alternative<codec::Pong>(message);
  for (const auto& part : parts_) known = part->received(message, frame, *this) || known;
  if (!known) ++malformed_;
}

void Session::handle_welcome(const codec::Welcome& welcome) {
  if (state_ != State::greeted) return;
  if (welcome.wire_version != codec::wire_version_now) {
    fail(Error(Errc::refused, "the hub at " + options_.hub + " speaks wire version " +
                                  std::to_string(welcome.wire_version) + " and this client " +
                                  std::to_string(codec::wire_version_now) + ": use the same release on both sides"));
    return;
  }
  link_->connect_feeds(std::string{welcome.feeds});
  last_sequence_ = welcome.last_sequence;
  log_id_ = welcome.log_id;
  generation_ = welcome.generation;
  state_ = State::open;
  for (const auto& part : parts_) part->welcomed(welcome);
  if (was_open_) ++reconnects_;
  if (absence_reported_) log_info("the hub at " + options_.hub + " is there");
  was_open_ = true;
  absence_reported_ = false;
  {
    const std::lock_guard lock{mutex_};
    trouble_.clear();
    connected_ = !error_;
  }
  changed_.notify_all();
  signal_.raise();
}

void Session::handle_refused(const codec::Refused& refused, const SharedFrame& frame) {
  switch (refused.code) {
    case codec::Refusal::no_session:
      lose("it no longer knows this session");
      return;
    case codec::Refusal::stopping:
      lose("it is stopping");
      return;
    default:
      break;
  }
  if (state_ == State::open) {
    const codec::HubMessage message{refused};
    for (const auto& part : parts_) {
      if (part->received(message, frame, *this)) return;
    }
  }
  if (refused.about == 0 || state_ == State::greeted) {
    fail(Error(Errc::refused, std::string{refused.message}));
  } else {
    ++malformed_;
  }
}

bool Session::say(SharedFrame frame) {
  if (!link_->send(std::move(frame))) return false;
  spoke_ = Clock::now();
  return true;
}

void Session::say_goodbye() {
  const auto end = Clock::now() + 500ms;
  flush_parts();
  while (full_ && Clock::now() < end) {
    link_->wait(20ms, true);
    flush_parts();
  }
  say(codec::ClientMessage{codec::Bye{}});
}

}  // namespace laban::client
