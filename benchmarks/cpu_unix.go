//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used of the processors until now, those of its
// garbage collector and its servers included. What else runs on the machine does
// not count, as it would by the clock on the wall.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for the process itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
