package faults

import (
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a call may take at most. net/http lets a header have 10 MB before it gives
// up, and copies it as it grows; all other limits are far below.
const (
	mostMemory = 100 << 20
	mostTime   = 5 * time.Second
)

// A damaged answer is read as what it says now, which is what the oracle reads
// in it, or is a typed error: never as anything else. Nothing of a call is left
// behind.
func TestDamagedAnswers(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	damages := []struct {
		name   string
		damage func(answer []byte) iter.Seq[[]byte]
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
		{"HTML", instead("200 OK", "text/html", "<html><body>Sign in to the hotel's network</body></html>"), "unexpected answer"},
		{"HTML that calls itself JSON", instead("200 OK", "application/json", "<html><body>Sign in</body></html>"), "unexpected answer"},
		{"JSON of somebody else", instead("200 OK", "application/json", `{"ok":true}`), "unexpected answer"},
		{"no content", instead("204 No Content", "application/json", ""), "unexpected answer"},
		{"no HTTP", one(func([]byte) []byte { return []byte("SSH-2.0-OpenSSH_9.6\r\n") }), "no answer"},
		{"301 to another host", redirect("301 Moved Permanently", other.URL), "status 301"},
		{"307 to another host", redirect("307 Temporary Redirect", other.URL), "status 307"},
		{"307 to no URL", redirect("307 Temporary Redirect", "http://%zz"), "status 307"},
		{"304", instead("304 Not Modified", "application/json", ""), "status 304"},
		{"500 of a proxy", instead("500 Internal Server Error", "text/html", "<html>500</html>"), "status 500"},
	}
	table := newTable(t)
	for _, o := range operations(t, false) {
		answer := o.record(t)
		for _, d := range damages {
			row := table.row(d.name, o)
			for wire := range d.damage(answer) {
				o.proxy.behave.Store(behaviour(func(client *net.TCPConn, _ func() []byte) { _, _ = client.Write(wire) }))
				want := o.means(wire)
				text, outcome := row.call(t)
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

// A connection that misbehaves costs a typed error, some time and some memory,
// all three within the limits.
func TestBadConnections(t *testing.T) {
	header := func(o *operation, more string) string {
		kind := "application/json"
		if o.isEvent {
			kind = "text/event-stream"
		}
		return "HTTP/1.1 200 OK\r\nContent-Type: " + kind + "\r\n" + more + "\r\n"
	}
	behaviours := []struct {
		name   string
		behave func(o *operation) behaviour
		hurry  bool   // the client's time-outs are short
		answer string // what comes of it, "" where it is a fault of streams alone
		stream string // where the answer is a stream, "" for the same
	}{
		{"reset at once", always(reset(start)), false, "no answer", ""},
		{"reset in the header", always(reset(inHeader)), false, "no answer", ""},
		{"reset in the body", always(reset(middle)), false, "cut off", "stream cut"},
		{"half-closed at once", always(halfClose(start)), false, "no answer", ""},
		{"half-closed in the body", always(halfClose(middle)), false, "cut off", "stream cut"},
		{"late", always(late), true, "time-out", ""},
		{"silent in the body", always(silence), true, "time-out", "stream idle"},
		{"trickle of a byte at a time", always(trickle(start)), true, "time-out", ""},
		{"trickle of a byte at a time in the body", always(trickle(bodyOf)), true, "time-out", "stream idle"},
		{"endless status line", always(endless("HTTP/1.1 200 ", "OK")), false, "no answer", ""},
		{"endless header line", always(endless("HTTP/1.1 200 OK\r\nX-A: ", "aaaaaaaa")), false, "no answer", ""},
		{"endless header", always(endless("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaaaaaaaaa\r\n")), false, "no answer", ""},
		{"endless 1xx", always(endless("", "HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 1000)+"\r\n\r\n")), false, "no answer", ""},
		{"101 and silence", always(func(client *net.TCPConn, _ func() []byte) {
			_, _ = io.WriteString(client, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			untilGone(client)
		}), true, "status 101", ""},
		{"refusal with an endless body", always(endless("HTTP/1.1 400 Bad Request\r\n\r\n", "{\"a\":")), false, "status 400", ""},
		{"refusal, then silence", always(func(client *net.TCPConn, _ func() []byte) {
			_, _ = io.WriteString(client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{")
			untilGone(client)
		}), true, "status 400", ""},
		{"endless body", func(o *operation) behaviour { return endless(header(o, ""), "          ") }, false, "too long", ""},
		{"endless body of empty lines", func(o *operation) behaviour { return endless(header(o, ""), "\n\r\n") }, true, "too long", "stream idle"},
		{"endless event of many lines", func(o *operation) behaviour { return endless(header(o, ""), "data: x\n") }, false, "", "too long"},
		{"endless text", func(o *operation) behaviour {
			return endless(header(o, ""), `data: {"type":"text-delta","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`+"\n\n")
		}, false, "", "too long"},
		{"endless tool calls", func(o *operation) behaviour {
			return endless(header(o, ""), `data: {"type":"tool-input-available","input":"xxxxxxxxxxxxxxxxxxxxxxxxxx"}`+"\n\n")
		}, false, "", "too long"},
		{"endless name of a chunk", func(o *operation) behaviour {
			return endless(header(o, "Transfer-Encoding: chunked\r\n")+"1;", "aaaaaaaa")
		}, false, "cut off", "stream cut"},
		{"endless trailer", func(o *operation) behaviour {
			return endless(header(o, "Transfer-Encoding: chunked\r\n")+"0\r\n", "X-A: aaaaaaaaaaaaaaaaaa\r\n")
		}, false, "cut off", "stream cut"},
		{"endless comments", func(o *operation) behaviour { return endless(header(o, ""), ":\n\n") }, true, "", "the context's end"},
		{"endless events of an unknown type", func(o *operation) behaviour {
			return endless(header(o, ""), `data: {"type":"noise"}`+"\n\n")
		}, true, "", "the context's end"},
		{"gzip bomb of white space", func(o *operation) behaviour { return bomb(header(o, "Content-Encoding: gzip\r\n"), "        ") }, false, "too long", ""},
		{"gzip bomb in a refusal", always(bomb("HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\n\r\n", "        ")), false, "status 400", ""},
	}
	table := newTable(t)
	calm, hurried := operations(t, false), operations(t, true)
	for i := range calm {
		for _, b := range behaviours {
			o, want := calm[i], b.answer
			if b.hurry {
				o = hurried[i]
			}
			if o.isEvent && b.stream != "" {
				want = b.stream
			}
			if want == "" {
				continue
			}
			row := table.row(b.name, o)
			o.proxy.behave.Store(b.behave(o))
			_, outcome := row.call(t)
			assert.Equal(t, want, outcome, "%s, %s", b.name, o.name)
			row.end(t)
		}
	}
}
