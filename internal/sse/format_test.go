package sse

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// formats are streams and their events, for the rules that the suites of other readers
// test: web-platform-tests (eventsource/format-*), eventsource-parser, go-sse and
// LaunchDarkly's contract tests. An event with a name is "name=data".
var formats = []struct {
	stream string
	events []string
}{
	// Line ends.
	{"data: 1\ndata: 2\n\n", []string{"1\n2"}},
	{"data: 1\rdata: 2\r\r", []string{"1\n2"}},
	{"data: 1\r\ndata: 2\r\n\r\n", []string{"1\n2"}},
	{"data: 1\ndata: 2\rdata: 3\r\n\n", []string{"1\n2\n3"}},
	{"data: 1\r\ndata: 2\n\rdata: 3\r\r", []string{"1\n2", "3"}},
	{"data: 1\n\n\n\ndata: 2\n\n", []string{"1", "2"}},
	{"\r\n\r\ndata: 1\r\n\r\n", []string{"1"}},
	{"data: 1\x0b2\n\n", []string{"1\x0b2"}},
	{"data: 1\x0c2\n\n", []string{"1\x0c2"}},
	{"data: 1\u00852\n\n", []string{"1\u00852"}},
	{"data: 1\u20282\n\n", []string{"1\u20282"}},
	// Fields and spaces.
	{"data:1\n\n", []string{"1"}},
	{"data: 1\n\n", []string{"1"}},
	{"data:  1\n\n", []string{" 1"}},
	{"data:\t1\n\n", []string{"\t1"}},
	{"data: 1 \n\n", []string{"1 "}},
	{"data:\u00a01\n\n", []string{"\u00a01"}},
	{"data :1\n\n", nil},
	{" data: 1\n\n", nil},
	{"\tdata: 1\n\n", nil},
	{"DATA: 1\n\n", nil},
	{"dataa: 1\n\n", nil},
	{"dat: 1\n\n", nil},
	{"data\n\n", []string{""}},
	{"data:\n\n", []string{""}},
	{"data: \n\n", []string{""}},
	{"data\ndata\n\n", []string{"\n"}},
	{"data:\ndata:\ndata:\n\n", []string{"\n\n"}},
	{"data: 1\ndata\n\n", []string{"1\n"}},
	{"data\ndata: 1\n\n", []string{"\n1"}},
	{"data:::1\n\n", []string{"::1"}},
	{"data: : 1\n\n", []string{": 1"}},
	{"data: data: 1\n\n", []string{"data: 1"}},
	{"unknown: 1\ndata: 2\n\n", []string{"2"}},
	{"unknown\ndata: 2\n\n", []string{"2"}},
	{"data:1\nother:x\ndata:2\n\n", []string{"1\n2"}},
	// Comments.
	{": 1\n\n", nil},
	{":\ndata: 1\n\n", []string{"1"}},
	{"data: 1\n:2\ndata: 3\n\n", []string{"1\n3"}},
	{":data: 1\ndata: 2\n\n", []string{"2"}},
	{":\x00\ndata: 1\n\n", []string{"1"}},
	{":" + strings.Repeat("x", 5000) + "\ndata: 1\n\n", []string{"1"}},
	{": \xff\xfe\ndata: 1\n\n", []string{"1"}},
	// Names.
	{"event: a\ndata: 1\n\ndata: 2\n\n", []string{"a=1", "2"}},
	{"event:a\ndata:1\n\n", []string{"a=1"}},
	{"event:  a\ndata:1\n\n", []string{" a=1"}},
	{"event\ndata: 1\n\n", []string{"1"}},
	{"event: a\nevent:\ndata: 1\n\n", []string{"1"}},
	{"event: a\nevent: b\ndata: 1\n\n", []string{"b=1"}},
	{"event: a\n\ndata: 1\n\n", []string{"1"}},
	{"data: 1\nevent: a\n\n", []string{"a=1"}},
	{"Event: a\ndata: 1\n\n", []string{"1"}},
	{"event: ä😀\ndata: 1\n\n", []string{"ä😀=1"}},
	{"event: a:b\ndata: 1\n\n", []string{"a:b=1"}},
	// Ids and retry times, which are ignored.
	{"id: 1\ndata: 2\n\n", []string{"2"}},
	{"id\ndata: 2\n\n", []string{"2"}},
	{"id: 1\x002\ndata: 3\n\n", []string{"3"}},
	{"id: 1\n\n", nil},
	{"retry: 1000\ndata: 1\n\n", []string{"1"}},
	{"retry: 1e3\ndata: 1\n\n", []string{"1"}},
	{"retry:\ndata: 1\n\nretry: -1\n\n", []string{"1"}},
	// Byte order marks, encoding and NUL.
	{"\ufeffdata: 1\n\n", []string{"1"}},
	{"\ufeff\ufeffdata: 1\n\ndata: 2\n\n", []string{"2"}},
	{"\ufeff\ndata: 1\n\n", []string{"1"}},
	{"\ufeff: 1\ndata: 2\n\n", []string{"2"}},
	{"data: \ufeff1\n\n", []string{"\ufeff1"}},
	{"\ndata: 1\n\n\ufeffdata: 2\n\n", []string{"1"}},
	{"data: \x00\n\n", []string{"\x00"}},
	{"data: ä€😀\n\n", []string{"ä€😀"}},
	{"data: \xe4\n\n", []string{"\xe4"}},
	// The end of the input.
	{"data: 1\n\ndata: 2\n", []string{"1"}},
	{"data: 1\n\ndata: 2", []string{"1"}},
	{"data: 1\n", nil},
	{"data: 1", nil},
	{"data", nil},
	{"\n", nil},
	{"", nil},
	// Long events.
	{"data: " + strings.Repeat("x", 5000) + "\n\ndata: 2\n\n", []string{strings.Repeat("x", 5000), "2"}},
	{strings.Repeat("data: 1\n\n", 3), []string{"1", "1", "1"}},
	{"data: {\"a\":\ndata: 1}\n\n", []string{"{\"a\":\n1}"}},
}

// twoBytes reads two bytes at a time.
type twoBytes struct{ io.Reader }

func (r twoBytes) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(2, len(p))]) }

func TestNext_Formats(t *testing.T) {
	require.GreaterOrEqual(t, len(formats), 60)
	for _, test := range formats {
		stream := []byte(test.stream)
		for name, src := range map[string]io.Reader{
			"whole":        bytes.NewReader(stream),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"in pairs":     twoBytes{bytes.NewReader(stream)},
			"pairs, later": io.MultiReader(bytes.NewReader(stream[:min(1, len(stream))]), twoBytes{bytes.NewReader(stream[min(1, len(stream)):])}),
		} {
			events, _, err := all(src, 8192)
			require.Equal(t, io.EOF, err)
			assert.Equal(t, test.events, events, "%s: %.40q", name, test.stream)
		}
	}
}

// A stream that is split in two pieces has the same events wherever it is split, and so
// has one after another.
func TestNext_FormatsSplitAndJoined(t *testing.T) {
	for _, test := range formats {
		for at := range min(len(test.stream), 100) {
			events, _, _ := all(io.MultiReader(strings.NewReader(test.stream[:at]), strings.NewReader(test.stream[at:])), 8192)
			require.Equal(t, test.events, events, "%.40q at %d", test.stream, at)
		}
		for _, next := range formats {
			if strings.HasPrefix(next.stream, "\ufeff") {
				continue // a byte order mark counts at the beginning only
			}
			events, _, _ := all(strings.NewReader(test.stream+"\n\n"+next.stream), 8192)
			want, _ := byTheStandard(test.stream + "\n\n" + next.stream)
			require.Equal(t, want, events, "%.40q, then %.40q", test.stream, next.stream)
			assert.Equal(t, strings.Join(next.events, "|"), strings.Join(events[len(events)-len(next.events):], "|"), "%.40q", next.stream)
		}
	}
}
