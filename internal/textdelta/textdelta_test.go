package textdelta

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuoted_Events(t *testing.T) {
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
		`{"type":"text-delta","text":"\ud800"}`:           "",
		`{"type":"text-delta","text":"a \uD83D"}`:         "",
		`{"type":"text-delta","text":"\ude00 b"}`:         "",
		`{"type":"text-delta","text":"\ud83d\ude00"}`:     `"\ud83d\ude00"`,
		`{"type":"text-delta","text":"a\ud83d b"}`:        `"a\ud83d b"`,
		`{"type":"text-delta","text":"a\\ud83d"}`:         `"a\\ud83d"`,
		`{"type":"text-delta","text":"{\"type\":\"x\"}"}`: `"{\"type\":\"x\"}"`,
	} {
		got, ok := Quoted([]byte(event))
		assert.Equal(t, want, string(got), event)
		assert.Equal(t, want != "", ok, event)
	}
}

func TestCutHalf_Forms(t *testing.T) {
	for quoted, want := range map[string][2]string{
		`"a \ud83d"`:       {`"a "`, `\ud83d`},
		`"\uDBFF"`:         {`""`, `\uDBFF`},
		`"a\\\ud83d"`:      {`"a\\"`, `\ud83d`},
		`"a\\ud83d"`:       {`"a\\ud83d"`, ""},
		`"\ud83d\ud83d"`:   {`"\ud83d"`, `\ud83d`},
		`"\ud83d\ude00"`:   {`"\ud83d\ude00"`, ""},
		`"\ude00"`:         {`"\ude00"`, ""},
		`"\u0d83"`:         {`"\u0d83"`, ""},
		`"ud83d"`:          {`"ud83d"`, ""},
		`""`:               {`""`, ""},
		`7`:                {`7`, ""},
		``:                 {``, ""},
		`"\ud83d\ude00a"`:  {`"\ud83d\ude00a"`, ""},
		`"a\ud83d\\"`:      {`"a\ud83d\\"`, ""},
		`"\ud83d\ude00\n"`: {`"\ud83d\ude00\n"`, ""},
	} {
		whole, half := CutHalf([]byte(quoted))
		assert.Equal(t, want, [2]string{string(whole), half}, quoted)
	}
}

func TestBeginsWithHalf_Forms(t *testing.T) {
	for quoted, want := range map[string]bool{
		`"\ude00 b"`: true, `"\uDC00"`: true, `"\uDfff"`: true, `"\ud83d"`: false, `" \ude00"`: false, `"\\ude00"`: false, `""`: false, ``: false, `7`: false, `"\n"`: false,
	} {
		assert.Equal(t, want, beginsWithHalf([]byte(quoted)), quoted)
	}
}

func TestQuoted_EachByte(t *testing.T) {
	for c := range 256 {
		_, ok := Quoted([]byte(Prefix + `"a` + string([]byte{byte(c)}) + `b"` + Suffix))
		// A backslash makes the escape \b.
		require.Equal(t, c >= ' ' && c < 0x80 && c != '"', ok, "%q", c)
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

func TestText_NoAllocation(t *testing.T) {
	event := []byte(`{"type":"text-delta","text":"Your order is on its way to you "}`)
	var text []byte
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		quoted, _ := Quoted(event)
		text = Text(quoted)
	}))
	assert.Equal(t, "Your order is on its way to you ", string(text))
}
