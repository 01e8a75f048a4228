package textdelta

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuoted(t *testing.T) {
	for event, want := range map[string]string{
		`{"type":"text-delta","text":"a"}`:                `"a"`,
		`{"type":"text-delta","text":""}`:                 `""`,
		`{"type":"text-delta","text":"\u00fc\"\\\/\n"}`:   `"\u00fc\"\\\/\n"`,
		`{"type":"text-delta","text":"a","x":"b"}`:        "",
		`{"type":"text-delta","text":"a\"}`:               "",
		`{"type":"text-delta","text":"a\x"}`:              "",
		`{"type":"text-delta","text":"\u00f"}`:            "",
		`{"type":"text-delta","text":"\u00fg"}`:           "",
		`{"type":"text-delta","text":"}`:                  "",
		`{"type":"text-delta","text":}`:                   "",
		`{"type":"text-delta","text":7}`:                  "",
		`{"type":"text-delta","text":null}`:               "",
		`{"type":"text-delta","text":"a"`:                 "",
		`{"type":"text-delta", "text":"a"}`:               "",
		"{\"type\":\"text-delta\",\"text\":\"a\nb\"}":     "",
		`{"type":"text-delta","delta":"a"}`:               "",
		`{"type":"text-deltas","text":"a"}`:               "",
		` {"type":"text-delta","text":"a"}`:               "",
		`{"type":"text-delta","text":"a"} `:               "",
		`{"type":"text-delta","text":"a"}{"text":"b"}`:    "",
		`{"type":"text-delta","text":"a"},{"text":"b"}`:   "",
		`{"type":"text-delta","text":"a","text":"a"}`:     "",
		`{"type":"text-delta","text":"a\\","text":"a"}`:   "",
		`{"type":"text-delta","text":["a"]}`:              "",
		`{"type":"text-delta","text":"a" }`:               "",
		`{"type":"text-delta","text":{"text":"a"}}`:       "",
		`{"type":"text-delta","text":"a","text":"\u"}`:    "",
		`{"type":"finish","text":"a"}`:                    "",
		"{\"type\":\"text-delta\",\"text\":\"\xff\"}":     "",
		`{"type":"text-delta","text":"\ud800"}`:           `"\ud800"`,
		`{"type":"text-delta","text":"{\"type\":\"x\"}"}`: `"{\"type\":\"x\"}"`,
	} {
		got, ok := Quoted([]byte(event))
		assert.Equal(t, want, string(got), event)
		assert.Equal(t, want != "", ok, event)
	}
}

// isPlain goes by words of eight bytes: each byte counts in each place of them.
func TestEachByteInEachPlace(t *testing.T) {
	for length := 8; length <= 24; length++ {
		for place := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte{'a'}, length)
				b[place] = byte(c)
				plain := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
				require.Equal(t, plain, isPlain(b), "%q", b)
			}
		}
	}
}

// What Quoted takes, encoding/json reads in the same way, and as nothing more.
func FuzzQuoted(f *testing.F) {
	f.Add([]byte(`{"type":"text-delta","text":"a\u00fc\ud83d\ude00"}`))
	f.Add([]byte(`{"type":"text-delta","text":"a\"}`))
	f.Add([]byte(`{"type":"text-delta","text":"Your order is on its way","text":"a"}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		quoted, ok := Quoted(event)
		if !ok {
			return
		}
		var decoded map[string]string
		require.NoError(t, json.Unmarshal(event, &decoded))
		require.Equal(t, map[string]string{"type": "text-delta", "text": string(Text(quoted))}, decoded)
	})
}

func TestNoAllocation(t *testing.T) {
	event := []byte(`{"type":"text-delta","text":"Your order is on its way to you "}`)
	var text []byte
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		quoted, _ := Quoted(event)
		text = Text(quoted)
	}))
	assert.Equal(t, "Your order is on its way to you ", string(text))
}
