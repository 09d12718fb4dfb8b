// bus/hub/broker_checkpoint.cpp - the hub's state as bytes: one struct, then each queue's own bytes.
#include <algorithm>
#include <cstring>

#include "bus/hub/broker.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

using Total = codec::HubState::Total;

template <class Map>
void save_by_label(const char* name, const Map& map, std::vector<Total>& into) {
  for (const auto& [label, value] : map) into.push_back({name, {label}, value});
}

}  // namespace

std::vector<Total> Broker::saved_totals() const {
  std::vector<Total> totals;
  save_by_label("published", totals_.published, totals);
  save_by_label("unroutable", totals_.unroutable, totals);
  save_by_label("lost", totals_.lost, totals);
  totals.push_back({"confirmed", {}, totals_.confirmed});
  totals.push_back({"logDropped", {}, totals_.log_dropped});
  totals.push_back({"logCarried", {}, totals_.log_carried});
  for (const auto& [id, name] : deleted_) totals.push_back({"deleted", {name}, id});
  for (const auto& [id, entry] : queues_) {
    if (entry->totals.redelivered != 0) totals.push_back({"redelivered", {entry->name}, entry->totals.redelivered});
    for (const auto& [reason, value] : entry->totals.parked) totals.push_back({"parked", {entry->name, reason}, value});
  }
  return totals;
}

void Broker::restore_totals(const std::vector<Total>& totals) {
  for (const auto& total : totals) {
    if (total.name == "confirmed") totals_.confirmed = total.value;
    if (total.name == "logDropped") totals_.log_dropped = total.value;
    if (total.name == "logCarried") totals_.log_carried = total.value;
    if (total.labels.empty()) continue;
    const auto& label = total.labels.front();
    if (total.name == "published") totals_.published[label] = total.value;
    if (total.name == "unroutable") totals_.unroutable[label] = total.value;
    if (total.name == "lost") totals_.lost[label] = total.value;
    if (total.name == "deleted") deleted_[static_cast<routing::QueueId>(total.value)] = label;
    if (total.name == "redelivered") {
      if (QueueEntry* entry = queue(label)) entry->totals.redelivered = total.value;
    }
    if (total.name == "parked" && total.labels.size() == 2) {
      if (QueueEntry* entry = queue(label)) entry->totals.parked[total.labels[1]] = total.value;
    }
  }
}

void Broker::save(const std::function<void(std::span<const std::byte>)>& write) const {
  codec::HubState state;
  state.starts = starts_;
  const auto topology = topology_.snapshot();
  state.exchanges = topology.exchanges;
  state.bindings = topology.bindings;
  state.next_queue = topology.next_queue;
  std::vector<std::vector<std::byte>> bytes_of_queues;
  for (const auto& queue : topology.queues) {
    const QueueEntry* entry = by_id_.at(queue.id);
    bytes_of_queues.push_back(entry->queue.snapshot());
    state.queues.push_back({queue.id, queue.spec, bytes_of_queues.back().size()});
  }
  for (const auto& [number, producer] : producers_) {
    state.producers.push_back(
        {number, producer->name, producer->named, producer->stored, producer->heard, producer->refused});
  }
  state.next_producer = next_producer_;
  for (const auto& [name, cursor] : cursors_) state.cursors.push_back({name, cursor.offset, cursor.observer});
  state.schemas = schemas_;
  state.totals = saved_totals();
  state.erasures = erasures_;

  const auto head = codec::encode(state);
  const std::uint64_t size = head.size();
  write(std::as_bytes(std::span{&size, 1}));
  write(head.bytes());
  for (const auto& bytes : bytes_of_queues) write(bytes);
}

void Broker::restore(std::span<const std::byte> bytes) {
  const Error torn{Errc::malformed, "a checkpoint is cut short: remove it, and the hub starts from its log"};
  std::uint64_t size = 0;
  if (bytes.size() < sizeof size) throw torn;
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes = bytes.subspan(sizeof size);
  if (bytes.size() < size) throw torn;
  const auto state = codec::decode_hub_state(bytes.first(size));
  bytes = bytes.subspan(size);

  starts_ = state.starts;
  routing::TopologySnapshot topology;
  topology.exchanges = state.exchanges;
  topology.bindings = state.bindings;
  topology.next_queue = state.next_queue;
  for (const auto& queue : state.queues) topology.queues.push_back({queue.number, queue.spec});
  routing::Limits limits;
  limits.exchanges = limits_.exchanges_max;
  limits.queues = limits_.queues_max;
  topology_ = routing::Topology::restore(topology, limits);
  for (const auto& queue : state.queues) {
    if (bytes.size() < queue.bytes) throw torn;
    const auto settings = queue::settings_from(queue.spec, queue::Defaults{}, log_id_);
    add_queue(queue.number, queue.spec.name, queue::Queue::restore(settings, bytes.first(queue.bytes)));
    bytes = bytes.subspan(queue.bytes);
  }
  for (const auto& producer : state.producers) open(producer, producer.heard);
  next_producer_ = std::max(next_producer_, state.next_producer);
  for (const auto& cursor : state.cursors) cursors_[cursor.name] = {cursor.offset, cursor.observer, {}};
  schemas_ = state.schemas;
  restore_totals(state.totals);
  erasures_ = state.erasures;
}

}  // namespace laban::hub
