//go:build !unix

package main

import "time"

var begun = time.Now()

// cpuTime returns the elapsed time, because this system has no Getrusage.
func cpuTime() time.Duration { return time.Since(begun) }
