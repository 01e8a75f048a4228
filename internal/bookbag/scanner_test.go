package bookbag

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type object struct {
	ID   string `json:"id"`
	Part struct {
		N int `json:"n"`
	} `json:"part"`
	More []int `json:"more"`
}

var texts = []string{
	"", " ", "<html>", "[]", "null", "7", `"a"`, "{}", "{", "}", "]", ",", ":", "{]", `{"data"}`, `{"data":}`, `{"data":[}`, `{"data":[]`, `{"data":[]]`,
	`{"data":[{}]}`, `{"data":[{}] } `, "\t{ \"data\" : [ { } , {\"id\" : \"a\" } ] }\r\n", `{"data":[{},]}`, `{"data":[,{}]}`, `{"data":[{}{}]}`,
	`{"data":[{}],}`, `{,"data":[{}]}`, `{"data":[{}]}x`, `{"data":[{}]}{}`, `{"data":[{}] "more":1}`, `{"data":[{}],"more":1}`, `{"more":1,"data":[{}]}`,
	`{"more":1 2,"data":[{}]}`, `{"more":01,"data":[{}]}`, `{"more":nul,"data":[{}]}`, `{"more":{"a":[{"b":"]}"}]},"data":[{}]}`, `{"more":{"a":[}],"data":[{}]}`,
	`{"more":"a\"\\","data":[{}]}`, `{"more":"a\q","data":[{}]}`, `{"mo` + "\n" + `re":1,"data":[{}]}`, `{"more":"a`, `{"more":"a\`, `{more:1,"data":[{}]}`,
	`{"data":null}`, `{"data":7}`, `{"data":"a"}`, `{"data":true}`, `{"data":{}}`, `{"data":{}} x`, `{"data":{"id":"a","part":{"n":1},"more":[1,2]}}`,
	`{"data":{"id":7,"part":[],"more":{}}}`, `{"data":{"id":"a","part":{"n":"x"},"more":[1,"x",3]},"id":{}}`, `{"data":[{"id":"a"},{"id":7,"more":[3]}]}`,
	`{"data":[{"id":"a"},7]}`, `{"data":[null]}`, `{"data":[[]]}`, `{"data":["{"]}`, `{"data":[{"id":"` + "\xff" + `ü"}]}`, `{"data":[{"id":"\ud83d"}]}`,
	"{\"data\":[{\"id\":\"a\x00\"}]}", "\ufeff{\"data\":[]}", `{"data":[{"id":"` + strings.Repeat("é", 40_000) + `"},{"id":"b"}]}`,
	`{"data":[` + strings.Repeat(`{"id":"`+strings.Repeat("x", 1000)+`"},`, 100) + `{}]}`,
}

// decodePlainly is what the functions of this package are compared with.
func decodePlainly(text string, kind byte, v any) bool {
	var envelope map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &envelope) != nil {
		return false
	}
	data := envelope["data"]
	if len(data) == 0 || data[0] != kind {
		return false
	}
	var items []json.RawMessage
	if kind == '[' && json.Unmarshal(data, &items) == nil {
		for _, item := range items {
			if item[0] != '{' {
				return false
			}
		}
	}
	return Unmarshal(data, v) == nil
}

func TestScan_SameAsEncodingJSON(t *testing.T) {
	for _, text := range texts {
		var want, got object
		ok := decodePlainly(text, '{', &want)
		err := Scan([]byte(text), func(s *Scanner) error { return Object(s, &got, nil) })
		assert.Equal(t, ok, err == nil, "%.100q", text)
		assert.Equal(t, want, got, "%.100q", text)

		var wanted, list, streamed []object
		ok = decodePlainly(text, '[', &wanted)
		err = Scan([]byte(text), func(s *Scanner) error { return List(s, Unlimited, &list, nil) })
		assert.Equal(t, ok, err == nil, "%.100q", text)
		if ok {
			assert.Equal(t, wanted, list, "%.100q", text)
		}
		for name, read := range map[string]io.Reader{
			"whole": strings.NewReader(text), "single bytes": iotest.OneByteReader(strings.NewReader(text)), "with the end": iotest.DataErrReader(strings.NewReader(text)),
		} {
			streamed, err = readItems(NewScanner(read, 1<<20))
			assert.Equal(t, ok, err == nil, "%s: %.100q", name, text)
			if ok {
				assert.Len(t, streamed, len(wanted), "%s: %.100q", name, text)
				assert.Subset(t, wanted, streamed, "%s: %.100q", name, text)
			}
		}
	}
}

// readItems reads a list from a stream, as an export is read.
func readItems(s *Scanner) (list []object, err error) {
	found := false
	err = s.Members(func(name []byte) error {
		if string(name) != "data" {
			return nil
		}
		found = true
		return s.Items(Unlimited, func(item []byte) error {
			var o object
			err := Unmarshal(item, &o)
			list = append(list, o)
			return err
		})
	})
	if err == nil {
		err = s.End()
	}
	return list, expect(found, err)
}

func TestList_AtMostLimitItems(t *testing.T) {
	for limit, want := range []error{ErrFormat, ErrFormat, nil, nil} {
		var list []object
		err := Scan([]byte(`{"data":[{"id":"a"},{"id":"b"}]}`), func(s *Scanner) error { return List(s, limit, &list, nil) })
		assert.Equal(t, want, err, limit)
		assert.Equal(t, err == nil, len(list) == 2, "checked before it is decoded")
	}
	var list []object
	err := Scan([]byte(`{"data":[{}],"data":[{}]}`), func(s *Scanner) error { return List(s, 1, &list, nil) })
	require.NoError(t, err)
	assert.Len(t, list, 1, "a second member data is skipped")
	tooMany := `{"data":[{"more":[` + strings.Repeat("1,", maxValues) + `1]}]}`
	assert.Equal(t, ErrTooLong, Scan([]byte(tooMany), func(s *Scanner) error { return List(s, 1, &list, nil) }))
}

func TestRecord_InDataOrAlone(t *testing.T) {
	for text, want := range map[string]error{
		`{"id":"a"}`: nil, ` {"data":{"id":"a"}} `: nil, `{"data":null,"id":"a"}`: nil, `{"id":"a","data":[7]}`: nil,
		`{"data":{},"id":"a"}`: nil, `{}`: ErrFormat, `{"data":7}`: ErrFormat, `7`: ErrFormat, `{"id":"a"`: ErrFormat, `{"id":"a"}x`: ErrFormat,
	} {
		var o object
		assert.Equal(t, want, Scan([]byte(text), func(s *Scanner) error { return Record(s, "id", &o) }), text)
		assert.Equal(t, want == nil && !strings.Contains(text, "{}"), o.ID == "a" && want == nil, text)
	}
}

func TestScanner_CountsValues(t *testing.T) {
	decode := func(text string) error {
		var o struct{ A any }
		return Scan([]byte(text), func(s *Scanner) error { return s.Decode(&o) })
	}
	for text, n := range map[string]int{"0,": maxValues, "[],": maxValues / (weight + 1), `"a":0,`: maxValues, `{"a":0},`: maxValues / (weight + 1)} {
		list := func(n int) string {
			items := strings.TrimSuffix(strings.Repeat(text, n), ",")
			if text[0] == '"' {
				return "{" + items + "}"
			}
			return "[" + items + "]"
		}
		assert.NoError(t, decode(list(n-weight)), text)
		assert.Equal(t, ErrTooLong, decode(list(n+1)), text)
	}
	assert.Equal(t, ErrTooLong, decode(strings.Repeat("[", maxValues)), "before it is seen that no end follows")
	assert.NoError(t, decode(`"`+strings.Repeat("é", 2*maxValues)+`"`))
	assert.NoError(t, decode(`"`+strings.Repeat("\xff", maxValues-1)+`"`))
	assert.Equal(t, ErrTooLong, decode(`"`+strings.Repeat("\xff", maxValues)+`"`))

	members := fmt.Sprintf("{%s}", strings.TrimSuffix(strings.Repeat(`"a":1,`, maxValues), ","))
	assert.Equal(t, ErrTooLong, Scan([]byte(members), func(s *Scanner) error { return s.Members(func([]byte) error { return nil }) }))
}

// Each item of a stream has the whole limit, and what is between two items has
// one too.
func TestScanner_LimitsOfAStream(t *testing.T) {
	const limit = 100_000
	items := func(item string, n int) error {
		_, err := readItems(NewScanner(strings.NewReader(`{"data":[`+strings.Repeat(item+",", n)+`{}]}`), limit))
		return err
	}
	assert.NoError(t, items(`{"id":"`+strings.Repeat("a", limit/2)+`"}`, 10))
	assert.Equal(t, ErrTooLong, items(`{"id":"`+strings.Repeat("a", 2*limit)+`"}`, 1))
	assert.Equal(t, ErrTooLong, items(`{}`+strings.Repeat(" ", 2*limit), 1))
	assert.NoError(t, items(`{"more":[`+strings.Repeat("1,", 20_000)+`1]}`, 20), "values are counted for each item")
	_, err := readItems(NewScanner(strings.NewReader(`{"more":"`+strings.Repeat("a", 2*limit)+`","data":[]}`), limit))
	assert.Equal(t, ErrTooLong, err)
}

func TestScanner_ErrorOfTheSource(t *testing.T) {
	broken := errors.New("connection reset")
	for _, text := range []string{"", "{", `{"da`, `{"data"`, `{"data":`, `{"data":[`, `{"data":[{`, `{"data":[{"id":"a\`, `{"data":[{}`, `{"data":[{}]`, `{"data":[{}]}`, `{"data":[{}]}  `} {
		_, err := readItems(NewScanner(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), 1<<20))
		assert.Equal(t, broken, err, text)
	}
	for _, text := range []string{`{"more":}`, `{"more":,`, `{"more":]`, `}`} { // no more is read than it takes to see that
		_, err := readItems(NewScanner(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), 1<<20))
		assert.Equal(t, ErrFormat, err, text)
	}
	_, err := readItems(NewScanner(emptyReads{}, 1<<20))
	assert.Equal(t, io.ErrNoProgress, err)
}

type emptyReads struct{}

func (emptyReads) Read([]byte) (int, error) { return 0, nil }

func FuzzScan(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want, got []object
		ok := decodePlainly(text, '[', &want)
		err := Scan([]byte(text), func(s *Scanner) error { return List(s, Unlimited, &got, nil) })
		if strings.Count(text, `"data"`) <= 1 && !strings.Contains(text, `\`) { // else another member may be data too
			require.Equal(t, ok, err == nil, "%q", text)
		}
		streamed, streamErr := readItems(NewScanner(iotest.HalfReader(strings.NewReader(text)), 1<<20))
		if strings.Count(text, `"data"`) <= 1 {
			require.Equal(t, err == nil, streamErr == nil, "%q", text)
			require.True(t, err != nil || len(streamed) == len(got))
		}
	})
}
