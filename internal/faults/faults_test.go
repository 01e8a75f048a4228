package faults

import (
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The most that a call may use. net/http accepts a header of 10 MB, and copies it as
// it grows; all other limits are far lower. mostTime allows for a busy machine: the
// timeouts themselves are tested with testing/synctest.
const (
	mostMemory = 100 << 20
	mostTime   = 30 * time.Second
)

// callerWaits is the deadline of a caller that sets a long one.
const callerWaits = 10 * time.Minute

// A client that receives a damaged response returns what the oracle reads in it, or
// a typed error. The call leaves no goroutine, connection or file open.
func TestClients_DamagedResponses(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	damages := []struct {
		name   string
		damage func(response []byte) iter.Seq[[]byte]
		want   string // of every call; "" for whatever the oracle says
	}{
		{"none", one(func(a []byte) []byte { return a }), "right"},
		{"cut after every byte", cuts, ""},
		{"cut after every byte, and its length unknown", func(a []byte) iter.Seq[[]byte] { return cuts(unframed(a)) }, ""},
		{"every byte corrupt, in three ways", func(a []byte) iter.Seq[[]byte] { return corruptions(a, neighbour, newline, quote) }, ""},
		{"every event twice", everyEventTwice, "right"},
		{"compressed", one(compressed), "right"},
		{"compressed, every byte corrupt", func(a []byte) iter.Seq[[]byte] { return corruptions(compressed(a), neighbour) }, ""},
		{"compressed, cut after every byte", func(a []byte) iter.Seq[[]byte] { return cuts(compressed(a)) }, ""},
		{"100 and 103 before it", one(func(a []byte) []byte {
			return append([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"), a...)
		}), "right"},
		{"HTML", instead("200 OK", "text/html", "<html><body>Sign in to the hotel's network</body></html>"), "unexpected response"},
		{"HTML that calls itself JSON", instead("200 OK", "application/json", "<html><body>Sign in</body></html>"), "unexpected response"},
		{"JSON of somebody else", instead("200 OK", "application/json", `{"ok":true}`), "unexpected response"},
		{"no content", instead("204 No Content", "application/json", ""), "unexpected response"},
		{"no HTTP", one(func([]byte) []byte { return []byte("SSH-2.0-OpenSSH_9.6\r\n") }), "no response"},
		{"301 to another host", redirect("301 Moved Permanently", other.URL), "status 301"},
		{"307 to another host", redirect("307 Temporary Redirect", other.URL), "status 307"},
		{"307 to no URL", redirect("307 Temporary Redirect", "http://%zz"), "status 307"},
		{"304", instead("304 Not Modified", "application/json", ""), "status 304"},
		{"500 of a proxy", instead("500 Internal Server Error", "text/html", "<html>500</html>"), "status 500"},
	}
	table := newTable(t)
	for _, o := range onServices(t) {
		response := o.record(t)
		for _, d := range damages {
			row := table.row(d.name, o)
			for wire := range d.damage(response) {
				o.proxy.behave.Store(behaviour(func(client net.Conn, _ func() []byte) { _, _ = client.Write(wire) }))
				want := o.means(wire)
				text, outcome := row.call(t, mostTime)
				switch {
				case outcome == "right" && (!want.whole || text != want.text),
					!strings.HasPrefix(want.text, text):
					require.Fail(t, "a wrong result", "%s, %s: %q of %q", d.name, o.name, text, wire)
				case d.want != "":
					require.Equal(t, d.want, outcome, "%s, %s: %q", d.name, o.name, wire)
				}
			}
			row.end(t)
		}
	}
	assert.Zero(t, elsewhere.Load(), "a redirect was followed")
}

// A faulty connection results in a typed error, within the limits of time and memory.
func TestClients_FaultyConnections(t *testing.T) {
	percent := debug.SetGCPercent(10) // how much of it is garbage is chance
	defer debug.SetGCPercent(percent)
	table := newTable(t)
	for _, o := range onServices(t) {
		o.record(t)
		for _, b := range []struct {
			name     string
			behave   behaviour
			response string // the expected outcome, "" for a fault of streams alone
			stream   string // the outcome if the response is a stream, "" for the same
		}{
			{"reset at once", reset(start), "no response", ""},
			{"reset in the header", reset(inHeader), "no response", ""},
			{"reset in the body", reset(middle), "cut off", "stream cut"},
			{"half-closed at once", halfClose(start), "no response", ""},
			{"half-closed in the body", halfClose(middle), "cut off", "stream cut"},
			{"endless status line", endless("HTTP/1.1 200 ", "OK"), "no response", ""},
			{"endless header line", endless("HTTP/1.1 200 OK\r\nX-A: ", "aaaaaaaa"), "no response", ""},
			{"endless header", endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n"), "no response", ""},
			{"endless 1xx", endless("", "HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 1000)+"\r\n\r\n"), "no response", ""},
			{"endless error body", endless("HTTP/1.1 400 Bad Request\r\n\r\n", `{"a":`), "status 400", ""},
			{"endless body", endless(o.header(""), "          "), "too long", ""},
			{"endless event of many lines", endless(o.header(""), "data: x\n"), "", "too long"},
			{"endless text", endless(o.header(""), textDelta(strings.Repeat("x", 40))), "", "too long"},
			{"endless tool calls", endless(o.header(""), `data: {"type":"tool-input-available","input":"xxxxxxxx"}`+"\n\n"), "", "too long"},
			{"endless name of a chunk", endless(o.header("Transfer-Encoding: chunked\r\n")+"1;", "aaaaaaaa"), "cut off", "stream cut"},
			{"endless trailer", endless(o.header("Transfer-Encoding: chunked\r\n")+"0\r\n", "X-A: aaaaaaaaaaaaaaaaaa\r\n"), "cut off", "stream cut"},
			{"gzip bomb", bomb(o.header("Content-Encoding: gzip\r\n"), "        "), "too long", ""},
			{"gzip bomb in an error body", bomb("HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\n\r\n", "        "), "status 400", ""},
		} {
			want := o.either(b.response, b.stream)
			if want == "" {
				continue
			}
			row := table.row(b.name, o)
			o.proxy.behave.Store(b.behave)
			_, outcome := row.call(t, mostTime)
			assert.Equal(t, want, outcome, "%s, %s", b.name, o.name)
			row.end(t)
		}
	}
}

// By default a client abandons a silent connection after a minute. While events or
// comments arrive it waits until the caller's context ends.
func TestClients_SlowConnections(t *testing.T) {
	table := newTable(t)
	for i, real := range onServices(t) {
		response := real.record(t)
		for _, b := range []struct {
			name          string
			behave        behaviour
			response      string // as in TestClients_FaultyConnections
			after         time.Duration
			stream        string
			afterOfStream time.Duration
		}{
			{"late", late, "time-out", time.Minute, "", 0},
			{"silent in the header", thenSilence("HTTP/1.1 200 OK\r\nContent-"), "time-out", time.Minute, "", 0},
			{"silent in the body", silence, "time-out", time.Minute, "stream idle", time.Minute},
			{"a byte a second", trickle(start, time.Second), "time-out", time.Minute, "", 0},
			{"a byte a second of the body", trickle(bodyOf, time.Second), "time-out", time.Minute, "stream idle", callerWaits}, // one event is longer than 60 bytes
			{"a byte a minute of the body", trickle(bodyOf, time.Minute), "time-out", time.Minute, "stream idle", time.Minute},
			{"an empty line a second", everySecond(real.header(""), "\n"), "time-out", time.Minute, "stream idle", time.Minute},
			{"a comment a second", everySecond(real.header(""), ":\n\n"), "", 0, "the context's end", callerWaits},
			{"an unknown event a second", everySecond(real.header(""), "data: {\"type\":\"noise\"}\n\n"), "", 0, "the context's end", callerWaits},
			{"101, then silence", thenSilence("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), "status 101", 0, "", 0},
			{"an error status, then silence", thenSilence("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"), "status 400", time.Minute, "", 0},
			{"an announced failure, then silence", thenSilence(real.header("") + "data: {\"type\":\"error\",\"errorText\":\"x\"}\n\n"), "", 0, "stream failed", time.Second},
		} {
			want, after := real.either(b.response, b.stream), b.after
			if real.isEvent && b.stream != "" {
				after = b.afterOfStream
			}
			if want == "" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				p := ofFakeTime(response)
				p.behave.Store(b.behave)
				row := table.row(b.name, operations(t, p, p)[i])
				_, outcome := row.call(t, callerWaits)
				assert.Equal(t, want, outcome, "%s, %s", b.name, real.name)
				assert.LessOrEqual(t, row.mostTime, after, "%s, %s", b.name, real.name)
				time.Sleep(time.Hour) // until the proxy has finished
				assert.Zero(t, p.open.Load(), "%s, %s: connections are left", b.name, real.name)
			}) // which waits for all goroutines
		}
	}
}

func textDelta(text string) string { return `data: {"type":"text-delta","text":"` + text + "\"}\n\n" }
