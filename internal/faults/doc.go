// Package faults has tests alone: what the clients make of a connection that
// goes wrong, and what is left of the handlers when visitors mean them harm.
package faults
