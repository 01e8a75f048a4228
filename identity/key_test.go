package identity

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseKey_Accepts(t *testing.T) {
	want, _ := hex.DecodeString(testKeyHex)
	for _, text := range []string{
		testKeyHex,
		strings.ToUpper(testKeyHex),
		testKeyHex + "\n",
		" \t\r\n\v\f" + testKeyHex + "\r\n",
	} {
		key, err := ParseKey(text)
		require.NoError(t, err, "%q", text)
		assert.Equal(t, want, key.reveal())
	}
}

func TestParseKey_Rejects(t *testing.T) {
	const length = "must be 32 hexadecimal digits, got "
	for name, test := range map[string]struct{ text, rule string }{
		"empty":              {"", "must not be empty (is the variable set?)"},
		"blank":              {" \n", "must not be empty (is the variable set?)"},
		"0x":                 {"0x" + testKeyHex, "must be hexadecimal digits without 0x before them"},
		"0X":                 {"0X" + testKeyHex[2:], "must be hexadecimal digits without 0x before them"},
		"31 digits":          {testKeyHex[1:], length + "31 characters"},
		"33 digits":          {testKeyHex + "a", length + "33 characters"},
		"64 digits":          {testKeyHex + testKeyHex, length + "64 characters"},
		"not hex":            {"g" + testKeyHex[1:], "must be hexadecimal digits only"},
		"space inside":       {testKeyHex[:15] + " " + testKeyHex[16:], "must be hexadecimal digits only"},
		"not ASCII":          {testKeyHex[:30] + "ü", "must be hexadecimal digits only"},
		"not ASCII space":    {"\u00a0" + testKeyHex, "must not begin or end with white space (is there a line end after it?)"},
		"quotes, new line":   {`"` + testKeyHex + "\"\n", "must not begin or end with a quote (docker's --env-file, for one, keeps the quotes of a value)"},
		"placeholder":        {"${MEGADESK_IDENTITY_SECRET}", "must not be a placeholder such as ${NAME}, $NAME or <name> (is the variable expanded?)"},
		"all zero":           {strings.Repeat("0", 32), "must not be all zero"},
		"all zero, new line": {strings.Repeat("0", 32) + "\n", "must not be all zero"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(test.text)
			requireField(t, err, "key", test.rule)
			if text := strings.TrimSpace(test.text); text != "" {
				assert.NotContains(t, err.Error(), text)
			}
		})
	}
}

func TestKey_ZeroValueIsRejected(t *testing.T) {
	const rule = "must come from ParseKey"
	_, err := NewMinter(Key{}, nil)
	requireField(t, err, "key", rule)
	_, err = NewOpener(testKey(t), Key{})
	requireField(t, err, "key", rule)

	m := newTestMinter(t, nil)
	requireField(t, m.SetKey(Key{}), "key", rule)
	_, err = m.Mint(Payload{User: UserDetail{ID: "1"}})
	require.NoError(t, err, "the old key stays")
}

func FuzzParseKey(f *testing.F) {
	f.Add(testKeyHex)
	f.Add("0x" + testKeyHex)
	f.Add(strings.Repeat("0", 32))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err != nil {
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, "key", fe.Field)
			require.Less(t, len(fe.Rule), 100)
			return
		}
		require.Equal(t, strings.ToLower(strings.Trim(text, " \t\r\n\v\f")), hex.EncodeToString(key.reveal()))
	})
}
