// bus/codec/model_spec.hpp - exchange, queue and binding descriptions <-> Cap'n Proto; for the codec's own
// sources.
#pragma once

#include "laban/model.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

ExchangeSpec read_spec(schema::ExchangeSpec::Reader from);
QueueSpec read_spec(schema::QueueSpec::Reader from);
BindingSpec read_spec(schema::BindingSpec::Reader from);
void write_spec(const ExchangeSpec& spec, schema::ExchangeSpec::Builder to);
void write_spec(const QueueSpec& spec, schema::QueueSpec::Builder to);
void write_spec(const BindingSpec& spec, schema::BindingSpec::Builder to);

}  // namespace laban::codec
