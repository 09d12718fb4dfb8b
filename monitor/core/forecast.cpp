// monitor/core/forecast.cpp - means by step, and their errors before each was learned from.
#include "monitor/core/forecast.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "monitor/core/byte_codec.hpp"
#include "monitor/core/hash.hpp"

namespace laban::monitor {
namespace {

constexpr std::uint64_t form = 2, form_without_ended = 1;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void write(ByteWriter& out, double value) {
  out.number(std::bit_cast<std::uint64_t>(value));
}
double read(ByteReader& in) {
  return std::bit_cast<double>(in.number());
}

}  // namespace

void Forecast::pass(StepIndex from, StepIndex to, std::chrono::nanoseconds took) {
  auto found = edges_.find({from, to});
  if (found == edges_.end()) {
    if (edges_.size() == edges_max) return;
    found = edges_.emplace(std::pair{from, to}, Edge{from, to, {}}).first;
  }
  found->second.took.add(took);
}

bool Forecast::learns_from(std::string_view key) {
  return ++ended_ <= learned_from_all || hash_bytes(key) % learned_one_in == 0;
}

void Forecast::learn(std::span<const Passed> events, std::chrono::nanoseconds took) {
  if (events.empty()) return;
  for (std::size_t quarter = 1; quarter <= 3 && whole_.samples >= learn_after; ++quarter) {
    const std::size_t place = std::min(events.size() - 1, events.size() * quarter / 4);
    const Passed& event = events[place];
    const auto said = remaining(event.step, std::chrono::nanoseconds{0});
    if (!said) continue;
    const double truth = seconds(took - event.at);
    const double mean = whole_.seconds / static_cast<double>(whole_.samples);
    Error& error = errors_[quarter - 1];
    ++error.samples;
    error.absolute += std::abs(seconds(said->left) - truth);
    error.naive += std::abs(std::max(0.0, mean - seconds(event.at)) - truth);
  }
  for (const Passed& event : events) {
    if (event.step == no_index) continue;
    Sum& sum = left_[event.step];
    ++sum.samples;
    sum.seconds += seconds(took - event.at);
  }
  ++whole_.samples;
  whole_.seconds += seconds(took);
}

std::optional<Forecast::Remaining> Forecast::remaining(StepIndex step, std::chrono::nanoseconds since) const {
  const auto found = left_.find(step);
  if (found == left_.end() || found->second.samples < learn_after) return std::nullopt;
  const double left = found->second.seconds / static_cast<double>(found->second.samples) - seconds(since);
  return Remaining{
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(std::max(0.0, left))),
      found->second.samples};
}

std::vector<const Forecast::Edge*> Forecast::edges() const {
  std::vector<const Edge*> out;
  for (const auto& [steps, edge] : edges_) out.push_back(&edge);
  return out;
}

std::string Forecast::save() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.number(form);
  out.number(ended_);
  out.number(whole_.samples);
  write(out, whole_.seconds);
  for (const Error& error : errors_) {
    out.number(error.samples);
    write(out, error.absolute);
    write(out, error.naive);
  }
  out.number(left_.size());
  for (const auto& [step, sum] : left_) {
    out.number(step);
    out.number(sum.samples);
    write(out, sum.seconds);
  }
  out.number(edges_.size());
  for (const auto& [steps, edge] : edges_) {
    out.number(steps.first);
    out.number(steps.second);
    std::string took;
    edge.took.save(took);
    out.text(took);
  }
  return bytes;
}

bool Forecast::restore(std::string_view given, std::uint64_t ended) {
  ByteReader in(given);
  const std::uint64_t found = in.number();
  if (found != form && found != form_without_ended) return false;
  ended_ = found == form ? in.number() : ended;
  whole_.samples = in.number();
  whole_.seconds = read(in);
  for (Error& error : errors_) {
    error.samples = in.number();
    error.absolute = read(in);
    error.naive = read(in);
  }
  for (std::size_t n = in.count(); n > 0; --n) {
    Sum& sum = left_[in.small()];
    sum.samples = in.number();
    sum.seconds = read(in);
  }
  for (std::size_t n = in.count(); n > 0; --n) {
    const StepIndex from = in.small(), to = in.small();
    std::string_view took = in.text();
    Edge& edge = edges_[{from, to}];
    edge.from = from;
    edge.to = to;
    if (!edge.took.restore(took)) return false;
  }
  return in.good() && in.at_end();
}

}  // namespace laban::monitor
