// Package readings tests what the clients, the proxy and Sync promise under each
// reading of Bookbag's open points: docs/readings.md lists them. It has no other
// code.
//
// A promise is a function that fails its test if the promise is broken, in a file
// of its kind. TestMatrix runs each of them under the default readings, under each
// other reading alone, and under combinations in which every pair of readings
// occurs.
package readings
