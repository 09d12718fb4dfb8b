# A recorded activity: one event of a log that `laban play` publishes again.
@0xe4b9d0c7a1f65e28;

using Cxx = import "/capnp/c++.capnp";
using Laban = import "annotations.capnp";
$Cxx.namespace("laban::schema");

struct Activity $Laban.topic("activity") {
  name @0 :Text;             # concept:name of the event
  lifecycle @1 :Text;        # lifecycle:transition, or empty
  resource @2 :Text;         # org:resource, or empty
  time @3 :Int64;            # as recorded, nanoseconds since 1970 UTC; 0 is unknown
  trace @4 :Text;            # concept:name of the trace
}
