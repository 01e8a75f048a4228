package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"time"
)

// groups has all tasks, in the order of the table.
var groups = []func() (*Group, error){
	mint,
	handlerDirect,
	handlerServed,
	userHash,
	userHashAppended,
	userID,
	templateShort,
	templateLong,
	framing,
	decoding,
	proxyOneByOne,
	proxyInBursts,
	chat,
	syncTable,
}

func main() {
	log.SetFlags(0)
	if os.Getenv(serviceVar) != "" {
		if err := serve(); err != nil {
			log.Fatal("benchmarks: other process: ", err)
		}
		return
	}
	rounds := flag.Int("rounds", 50, "how many `rounds` to measure")
	each := flag.Duration("time", 20*time.Millisecond, "the approximate `duration` of a turn of each item")
	match := flag.String("run", "", "measure only the tasks that match this `regexp`")
	flag.Parse()
	tasks, err := regexp.Compile(*match)
	if err != nil || *rounds < 1 || *each <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	// The heap is almost empty, so by default a collection would start after each 4 MB. A
	// server has a larger heap, and collects less often.
	debug.SetGCPercent(1000)
	if err := run(os.Stdout, tasks, *rounds, *each); err != nil {
		log.Fatal("benchmarks: ", err)
	}
}

// run measures the tasks that match, and then writes the table.
func run(w io.Writer, tasks *regexp.Regexp, rounds int, each time.Duration) error {
	begun := time.Now()
	var rows bytes.Buffer
	for _, group := range groups {
		if err := add(&rows, group, tasks, rounds, each); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s%s\n%s, %s/%s, %d CPUs; %d times %v for each row; %v in total\n", head, &rows,
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds, each, time.Since(begun).Round(time.Second))
	return err
}

// add measures a task if it matches, and writes its rows.
func add(rows *bytes.Buffer, group func() (*Group, error), tasks *regexp.Regexp, rounds int, each time.Duration) error {
	g, err := group()
	if err != nil {
		return err
	}
	if g.Close != nil {
		defer g.Close()
	}
	if !tasks.MatchString(g.Task) {
		return nil
	}
	log.Print(g.Task, " ...")
	results, err := measure(g, rounds, each)
	if err != nil {
		return err
	}
	return writeRows(rows, g, results)
}
