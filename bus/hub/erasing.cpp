// bus/hub/erasing.cpp - goes over the log, rewrites, tells.
#include "bus/hub/erasing.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"

namespace laban::hub {
namespace {

constexpr std::uint64_t step_bytes = 4u << 20;   // of log
constexpr std::size_t offsets_a_line = 5'000;    // of the ledger
constexpr auto pause = std::chrono::seconds{1};  // where something is in the way
constexpr auto warning_pause = std::chrono::minutes{1};

}  // namespace

bool Erasing::tick(Clock::time_point now) {
  if (!wanted() || now < resume_at_) return false;
  const codec::ErasureBegun erasure = core_.broker.erasures().front();
  if (found_.instance != erasure.instance) found_ = {erasure.instance, 0, {}, {}};
  const auto result = core_.journal.overwrite(
      found_.position, [&](const journal::Record& record) { return without_payload(erasure, record); }, step_bytes);
  if (!result.problem.empty()) {
    wait(now, result.problem);
    return false;
  }
  found_.position = result.position;
  core_.erased_until = result.position;
  if (result.records != 0) dispatch_.forget_read();
  if (!result.end) return true;
  if (const auto problem = core_.journal.wipe_unused(); !problem.empty()) {
    wait(now, problem);
    return false;
  }
  finish(erasure);
  return wanted();
}

std::optional<std::vector<std::byte>> Erasing::without_payload(const codec::ErasureBegun& erasure,
                                                               const journal::Record& record) {
  if (static_cast<codec::RecordKind>(record.kind) != codec::RecordKind::event) return {};
  const auto event = codec::decode_event(record.body);
  EventFields fields;
  if (!codec::read_envelope(event.envelope, fields) || fields.correlationid != erasure.instance) return {};
  const auto id = std::hash<std::string_view>{}(fields.id);
  const bool is_copy = (event.header.flags & codec::EventHeader::dead_letter) != 0 && found_.copied.contains(id);
  if (record.offset > erasure.up_to && !is_copy) return {};
  found_.copied.insert(id);
  auto envelope = codec::erased_envelope(event.envelope);
  if ((envelope || fields.erased) && !record.carried) found_.offsets.push_back(record.offset);
  if (!envelope) return {};
  std::vector<std::byte> body(record.body.begin(), record.body.end());
  std::copy(envelope->begin(), envelope->end(), body.end() - static_cast<std::ptrdiff_t>(envelope->size()));
  return body;
}

// The lines on the ledger tell monitors which events to forget the text of.
void Erasing::finish(const codec::ErasureBegun& erasure) {
  const auto& offsets = found_.offsets;
  std::size_t at = 0;
  do {
    const auto count = std::min(offsets_a_line, offsets.size() - at);
    Loss loss;
    loss.why = "erased";
    loss.whose = "instance";
    loss.who = erasure.instance;
    loss.count = count;
    loss.offsets.assign(offsets.begin() + static_cast<std::ptrdiff_t>(at),
                        offsets.begin() + static_cast<std::ptrdiff_t>(at + count));
    if (count != 0) loss.from = loss.offsets.front(), loss.to = loss.offsets.back();
    publishing_.lose(loss);
    at += count;
  } while (at < offsets.size());
  core_.erased.push_back({erasure.instance, offsets.size()});
  if (core_.erased.size() > Core::erased_max) core_.erased.pop_front();
  const codec::Note note = codec::ErasureEnded{erasure.instance};
  group_.add_note(note);
  (void)core_.broker.apply(note, core_.now());
  found_ = {};
}

void Erasing::wait(Clock::time_point now, const std::string& why) {
  resume_at_ = now + pause;
  if (now < next_warning_) return;
  next_warning_ = now + warning_pause;
  spdlog::warn("laban hub: the erasure of {} waits: {}", found_.instance, why);
}

}  // namespace laban::hub
