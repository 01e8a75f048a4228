//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used of the CPU, on all of its threads.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
