# What a schema author writes beside a fact: the topic under which it is announced.
@0xb6ea6d8ffb3b5d52;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("laban::schema");

annotation topic @0xd7f2b1a3c6e04f11 (struct) :Text;
# The event's type and its default routing key: words separated by dots, a past-tense fact.
