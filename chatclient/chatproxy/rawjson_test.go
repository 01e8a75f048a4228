package chatproxy

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPick(t *testing.T) {
	f := pick(json.RawMessage(`{"a" : [1,"]}\"" ,{}] ,"b":null,"\u0063":"x\\","d":0,"a2":{"a":7}}`), "a", "b", "c", "e")
	assert.Equal(t, fields{"a": json.RawMessage(`[1,"]}\"" ,{}]`), "b": json.RawMessage(`null`), "c": json.RawMessage(`"x\\"`)}, f)
	for _, other := range []string{``, `null`, `7`, `"a"`, `[]`, `["a","b"]`, `{}`} {
		assert.Empty(t, pick(json.RawMessage(other), "a"), other)
	}
	assert.Equal(t, fields{"a": json.RawMessage(`2`)}, pick(json.RawMessage(`{"a":1,"a":2}`), "a"), "the last one counts")
}

func TestList(t *testing.T) {
	for array, want := range map[string]int{`[]`: 0, `[ ]`: 0, `[1]`: 1, `[ 1 , "," ]`: 2, `[[1,2],{"a":[3]}]`: 2, `[0,0,0]`: 3, `[0,0,0,0,0]`: 4} {
		assert.Len(t, list(json.RawMessage(array), 3), want, array)
	}
	for _, other := range []string{``, `null`, `7`, `"[]"`, `{}`, `{"a":1}`} {
		assert.Empty(t, list(json.RawMessage(other), 3), other)
	}
}

// The walk finds what encoding/json decodes.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[true,{"c":"\"}"}],"\u0061":"x\\"}`))
	f.Add([]byte(`[-1.5e3 , null,"\\\"",[],{ }]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.TrimSpace(b)
		if !json.Valid(b) {
			return
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(b, &object) == nil {
			got := fields{}
			for name, value := range members(b) {
				got[name] = value
			}
			require.Equal(t, len(object), len(got))
			for name, value := range object {
				require.Equal(t, string(value), string(got[name]))
			}
		}
		var array []json.RawMessage
		if json.Unmarshal(b, &array) == nil && array != nil {
			require.True(t, slices.EqualFunc(array, list(b, len(b)), func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }))
		}
	})
}
