package pathsegment_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/chatident/chatident/internal/pathsegment"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	none    = pathsegment.None
	notUTF8 = pathsegment.NotUTF8
	control = pathsegment.Control
	slash   = pathsegment.Slash
	encoded = pathsegment.Encoded
	empty   = pathsegment.Empty
	dots    = pathsegment.Dots
)

func TestCheck(t *testing.T) {
	for text, want := range map[string]pathsegment.Fault{
		"a": none, "user-123": none, "ada+1@example.com": none, "Ada Lovelace": none, "...a": none, "a..": none, "~": none, "-": none,
		"100%": none, "100 % off": none, "50%x1": none, "%u": none, "%0u00": none, "%": none, "%%": none, "a;v=1": none, "a?b": none, "a#b": none, "why?": none, "#1001": none, "?a": none,
		"Zoë": none, "日本": none, "٢": none, "😀": none, "½": none, "€": none, "a\u200bb": none, "\ufffd": none,

		"": empty, ";": empty, ";a": empty, "\uff1ba": empty,

		".": dots, "..": dots, "...": dots, " ": dots, ".. ": dots, " ..": dots, ". .": dots, "..;": dots, "..;a": dots, "..;ü": dots, "..?ü": dots, "..?x": dots, "..#x": dots,
		"..\u037ex": dots, "..\uff1bx": dots, "..\ufe54x": dots, "..\uff03x": dots, "..\ufe56x": dots, "..\ufe5fx": dots, "..\uff1fx": dots,
		"\u00a0": dots, "..\u00a0": dots, "\u2003..": dots, ".\u3000.": dots, "..\u200b": dots, ".\u200d.": dots, "..\ufeff": dots, "..\u00ad": dots, "..\u2060": dots,
		"..\u180e": dots, "..\ufe0f": dots, "..\u034f": dots, "..\u3164": dots, "..\u115f": dots, "..\U000e0020": dots, "..\u202e": dots, "..\u2028": dots, "..\u0301": dots,
		"\uff0e": dots, "\uff0e\uff0e": dots, ".\uff0e": dots, "\u2024\u2024": dots, "\u2025": dots, "\u2026": dots, "\ufe30": dots, "\ufe52\ufe52": dots, "\ufe19": dots,
		"\u3002\u3002": dots, "\uff61\uff61": dots, "\u00b7": dots, "\u2022": dots, "\u2219\u2219": dots, "\u22c5": dots,

		"/": slash, "a/b": slash, "../x": slash, `\`: slash, `..\x`: slash, `a\..\b`: slash, "a/..;/b": slash,
		"a\uff0fb": slash, "..\uff3cb": slash, "\u2215": slash, "\u2044": slash, "\u2216": slash, "\u29f5": slash, "\u29f8": slash, "\u29f9": slash, "\ufe68": slash,
		"\u2100": slash, "\u2101": slash, "\u2105": slash, "\u2106": slash, "\u00a5": slash, "\uffe5": slash, "\u20a9": slash, "\uffe6": slash,

		"%2e%2e": encoded, "%2E": encoded, ".%2e": encoded, "%2f": encoded, "a%5Cb": encoded, "%252e%252e": encoded, "%25%32%65": encoded, "%%32%65": encoded,
		"%u002e": encoded, "%U002e": encoded, "%\U0001d7d0e": encoded, "%uff0e": encoded, "%u2215": encoded, "%c0%ae": encoded, "%c0%2e": encoded, "%e0%80%ae": encoded, "%ef%bc%8e": encoded,
		"\uff052e": encoded, "\ufe6a2e": encoded, "%\uff12\uff45": encoded, "%\u0662e": encoded, "100%de": encoded, "%00": encoded, "%09": encoded,

		"\x00": control, "..\x00": control, "a\nb": control, "\x7f": control, "..\u0085": control, "\u0085": control, "\u009f": control, "a\t": control,

		"\xff": notUTF8, "\xc0\xae\xc0\xae": notUTF8, "\xc0\xaf": notUTF8, "\xe0\x80\xae": notUTF8, "\xf0\x80\x80\xae": notUTF8, "\xed\xa0\x80": notUTF8, "a\xe2\x80": notUTF8,
	} {
		assert.Equal(t, want, pathsegment.Check([]byte(text)), "%q", text)
		if want != none && want != slash {
			assert.Equal(t, want, pathsegment.CheckParts(text), "%q", text)
		}
		if want == none {
			assert.Equal(t, none, pathsegment.CheckParts("a/"+text+`\b`), "%q", text)
		}
	}
}

func TestCheckParts(t *testing.T) {
	for text, want := range map[string]pathsegment.Fault{
		"a": none, "a/b": none, "/a": none, "a/": none, "a//b": none, `CORP\ada`: none, "https://shop.example/7": none, "a\uff0fb": none, "¥100": none,

		"": empty, "/": empty, `//\`: empty, "\u2215": empty, "a/;b": empty, "a/;": empty, ";/a": empty,

		"..": dots, "../x": dots, "a/../b": dots, `a\..\b`: dots, "a/.": dots, "a/..;/b": dots, "a/..;x/b": dots, "a/.. /b": dots, "a/ /b": dots, "a/..\u200b/b": dots,
		"a\uff0f..\uff0fb": dots, "a\uff3c\uff0e\uff0e\uff3cb": dots, "a\u2215..": dots, "a/..?/b": dots, "..\u00a5a": dots, "a;x/../b": dots, "a?x/..": dots,

		"a%2f..": encoded, "a/%2e%2e/b": encoded, `a\%u002e`: encoded, "a/\xc0\xae": notUTF8, "a/\u0085": control,
	} {
		assert.Equal(t, want, pathsegment.CheckParts(text), "%q", text)
	}
}

func TestCheck_DoesNotAllocate(t *testing.T) {
	text := []byte(strings.Repeat("user\u00fc日本-123 ", 100))
	assert.Zero(t, testing.AllocsPerRun(100, func() { pathsegment.Check(text) }))
}

// A segment without a fault leaves a path as it is, however often a server
// decodes it and whichever of the common forms it then normalizes.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"a", "..;", "%2e%2e", "a/..;/b", "\uff0e\uff0e", "%u002e", "\xc0\xae", `..\`, "..\u200b", "%25%32%65", "..?", "100%"} {
		f.Add(s)
	}
	fold := strings.NewReplacer("\uff0e", ".", "\u2024", ".", "\u3002", ".", "\uff0f", "/", "\uff3c", "/", `\`, "/", "\u2215", "/", "\u00a0", "", "\u200b", "", " ", "")
	f.Fuzz(func(t *testing.T, s string) {
		if pathsegment.Check([]byte(s)) != none {
			return
		}
		for range 3 {
			for _, end := range []string{"", ";", "?", "#"} {
				seen, _, _ := strings.Cut(s+end, end)
				if end == "" {
					seen = s
				}
				if seen == "" && end != ";" {
					continue // "#1001" is a name
				}
				seen = fold.Replace(seen)
				require.NotContains(t, seen, "/")
				require.Equal(t, "/a/"+seen+"/b", path.Clean("/a/"+seen+"/b"))
			}
			decoded, err := url.PathUnescape(s)
			if err != nil || decoded == s {
				return
			}
			s = decoded
		}
	})
}
