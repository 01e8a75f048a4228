package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how many rows are settled.
type progress interface {
	set(done int)
	end()
}

// newProgress returns a bar for a terminal, and otherwise lines for a log file.
func newProgress(out io.Writer, total int) progress {
	if !isTerminal(out) {
		return &lines{out: out, total: total}
	}
	return bar{out, total, progressbar.NewOptions(total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetWidth(40),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

type bar struct {
	out   io.Writer
	total int
	shown *progressbar.ProgressBar
}

// set shows at most the total, because rows may have been inserted since they were counted.
func (b bar) set(done int) { _ = b.shown.Set(min(done, b.total)) }

func (b bar) end() { fmt.Fprintln(b.out) }

// lines prints one line for each tenth.
type lines struct {
	out    io.Writer
	total  int
	tenths int // printed
}

func (l *lines) set(done int) {
	if l.total == 0 {
		return
	}
	tenths := min(10*done/l.total, 10)
	if tenths > l.tenths {
		l.tenths = tenths
		fmt.Fprintf(l.out, "%7d%%\n", 10*tenths)
	}
}

func (l *lines) end() {}
