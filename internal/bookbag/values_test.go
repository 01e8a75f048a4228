package bookbag

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
	"", " ", "{:", "[:", "{\":\"", "<html>", "[]", "null", "7", `"a"`, "{}", "{", "}", "]", ",", ":", "{]", `{"data"}`, `{"data":}`, `{"data":[}`, `{"data":[]`, `{"data":[]]`,
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

func decodeObject(text string, v any) error {
	if err := CheckLength([]byte(text)); err != nil {
		return err
	}
	return Object(Members([]byte(text))["data"], v)
}

func decodeList(text string, limit int) ([]object, error) {
	if err := CheckLength([]byte(text)); err != nil {
		return nil, err
	}
	return List[object](Members([]byte(text))["data"], limit)
}

func TestMembers_SameAsEncodingJSON(t *testing.T) {
	for _, text := range texts {
		var want, got object
		ok := decodePlainly(text, '{', &want)
		err := decodeObject(text, &got)
		assert.Equal(t, ok, err == nil, "%.100q", text)
		assert.Equal(t, want, got, "%.100q", text)

		var wanted []object
		ok = decodePlainly(text, '[', &wanted)
		list, err := decodeList(text, Unlimited)
		assert.Equal(t, ok, err == nil, "%.100q", text)
		if ok {
			assert.Equal(t, wanted, list, "%.100q", text)
		}
	}
}

func TestMembers_Names(t *testing.T) {
	members := Members([]byte(` {"a": 1 , "A":{"a":[2,"]}"]}, "a":"3" ,"\u0063":4,"b":-1e5,"":{},"\"{":[ ] } `))
	assert.Equal(t, map[string]json.RawMessage{
		"a": []byte(`"3"`), "A": []byte(`{"a":[2,"]}"]}`), "c": []byte("4"), "b": []byte("-1e5"), "": []byte("{}"), `"{`: []byte("[ ]"),
	}, members, "exact names, and the last of each")
	for _, text := range []string{"7", `"{"`, "[{}]", "null", " "} {
		assert.Nil(t, Members([]byte(text)), text)
	}
	var many strings.Builder
	for i := range maxMembers {
		fmt.Fprintf(&many, `"%d":0,`, i)
	}
	assert.Len(t, Members([]byte("{"+strings.TrimSuffix(many.String(), ",")+"}")), maxMembers)
	assert.Nil(t, Members([]byte("{"+many.String()+`"a":0}`)))
}

func TestValues(t *testing.T) {
	for text, want := range map[string]struct{ members, items []string }{
		` {"a":[1,{"b":2}] , "c\n":"d","a":{ } }`:    {members: []string{`a=[1,{"b":2}]`, "c\n=\"d\"", "a={ }"}},
		"\n[ 7,true,\"a\\\"],\",[{\"a\":\"}\"}] ]\t": {items: []string{"=7", "=true", `="a\"],"`, `=[{"a":"}"}]`}},
		"{}": {}, " [ ] ": {}, "7": {}, `"{[,"`: {}, "null": {},
	} {
		for bracket, want := range map[byte][]string{'{': want.members, '[': want.items} {
			var got []string
			for name, value := range Values([]byte(text), bracket) {
				got = append(got, name+"="+string(value))
			}
			assert.Equal(t, want, got, text)
			for range Values([]byte(text), bracket) {
				break // it calls no more
			}
		}
	}
}

func TestList_AtMostLimitItems(t *testing.T) {
	for limit, want := range []error{ErrFormat, ErrFormat, nil, nil} {
		list, err := decodeList(`{"data":[{"id":"a"},{"id":"b"}]}`, limit)
		assert.Equal(t, want, err, limit)
		assert.Equal(t, err == nil, len(list) == 2, "checked before it is decoded")
	}
	tooMany := `{"data":[{"more":[` + strings.Repeat("1,", maxValues) + `1]}]}`
	_, err := decodeList(tooMany, 1)
	assert.Equal(t, ErrTooLong, err)
}

func TestRecord_InDataOrAlone(t *testing.T) {
	for text, want := range map[string]error{
		`{"id":"a"}`: nil, ` {"data":{"id":"a"}} `: nil, `{"data":null,"id":"a"}`: nil, `{"id":"a","data":[7]}`: nil,
		`{"data":{},"id":"a"}`: nil, `{}`: ErrFormat, `{"data":7}`: ErrFormat, `7`: ErrFormat,
	} {
		var o object
		assert.Equal(t, want, Record([]byte(text), "id", &o), text)
		assert.Equal(t, want == nil && !strings.Contains(text, "{}"), o.ID == "a" && want == nil, text)
	}
}

func TestCheckLength_CountsValues(t *testing.T) {
	for text, n := range map[string]int{"0,": maxValues, "[],": maxValues / (weight + 1), `"a":0,`: maxValues, `{"a":0},`: maxValues / (weight + 1)} {
		list := func(n int) string {
			items := strings.TrimSuffix(strings.Repeat(text, n), ",")
			if text[0] == '"' {
				return "{" + items + "}"
			}
			return "[" + items + "]"
		}
		assert.NoError(t, CheckLength([]byte(list(n-weight))), text)
		assert.Equal(t, ErrTooLong, CheckLength([]byte(list(n+1))), text)
	}
	assert.Equal(t, ErrTooLong, CheckLength([]byte(strings.Repeat("[", maxValues))), "before it is seen that no end follows")
	assert.NoError(t, CheckLength([]byte(`"`+strings.Repeat("é,[", 2*maxValues)+`"`)))
	assert.NoError(t, CheckLength([]byte(`"`+strings.Repeat("\xff", maxValues-2)+`"`)))
	assert.Equal(t, ErrTooLong, CheckLength([]byte(`"`+strings.Repeat("\xff", maxValues)+`"`)))
}

func FuzzMembers(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want []object
		ok := decodePlainly(text, '[', &want)
		got, err := decodeList(text, Unlimited)
		require.Equal(t, ok, err == nil, "%q", text)
		if ok {
			require.Equal(t, want, got, "%q", text)
		}
	})
}
