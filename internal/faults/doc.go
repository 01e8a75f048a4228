// Package faults tests the clients against broken connections and hostile services, and
// the handlers against hostile visitors. It has no other code.
package faults
