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

// groups are all works, in the order of the table.
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
			log.Fatal("benchmarks, the other process: ", err)
		}
		return
	}
	rounds := flag.Int("rounds", 50, "how many turns each item has")
	each := flag.Duration("time", 20*time.Millisecond, "how much CPU time a turn of an item takes, about")
	match := flag.String("run", "", "measure only works that match this regular expression")
	flag.Parse()
	works, err := regexp.Compile(*match)
	if err != nil || *rounds < 1 || *each <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	// With next to nothing on the heap, the garbage of each 4 MB would be collected: a
	// server has more there, and collects it seldom.
	debug.SetGCPercent(1000)
	if err := run(os.Stdout, works, *rounds, *each); err != nil {
		log.Fatal("benchmarks: ", err)
	}
}

// run measures the works that match, and then writes the table.
func run(w io.Writer, works *regexp.Regexp, rounds int, each time.Duration) error {
	begun := time.Now()
	var rows bytes.Buffer
	for _, group := range groups {
		if err := add(&rows, group, works, rounds, each); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s%s\n%s, %s/%s, %d CPUs; %d times %v for each row; %v in all\n", head, &rows,
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds, each, time.Since(begun).Round(time.Second))
	return err
}

// add measures a work, if it matches, and writes its rows.
func add(rows *bytes.Buffer, group func() (*Group, error), works *regexp.Regexp, rounds int, each time.Duration) error {
	g, err := group()
	if err != nil {
		return err
	}
	if g.Close != nil {
		defer g.Close()
	}
	if !works.MatchString(g.Work) {
		return nil
	}
	log.Print(g.Work, " ...")
	results, err := measure(g, rounds, each)
	if err != nil {
		return err
	}
	return writeRows(rows, g, results)
}
