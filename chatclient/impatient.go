package chatclient

import (
	"io"
	"time"
)

// impatient is the body of a stream, which is given up when nothing is heard of
// the service for too long. Single bytes do not count: the wait begins with the
// first read, and goes on through all that follow until what came is said to be
// a sign of life. What lies in a buffer is not waited for.
type impatient struct {
	body     io.Reader
	patience time.Duration
	giveUp   func()

	silence *time.Timer // since the first read
	waiting bool
}

func (b *impatient) Read(p []byte) (int, error) {
	switch {
	case b.silence == nil:
		b.silence = time.AfterFunc(b.patience, b.giveUp)
	case !b.waiting:
		b.silence.Reset(b.patience)
	}
	b.waiting = true
	return b.body.Read(p)
}

// heard says that there was a sign of life.
func (b *impatient) heard() {
	if b.waiting {
		b.waiting = false
		b.silence.Stop()
	}
}
