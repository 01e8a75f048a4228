package identity

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseKeyAccepts(t *testing.T) {
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

func TestParseKeyRefuses(t *testing.T) {
	const length = "must have 32 hexadecimal digits, has "
	for name, test := range map[string]struct{ text, rule string }{
		"empty":              {"", "must not be empty"},
		"blank":              {" \n", "must not be empty"},
		"0x":                 {"0x" + testKeyHex, "must be hexadecimal digits without 0x in front"},
		"0X":                 {"0X" + testKeyHex[2:], "must be hexadecimal digits without 0x in front"},
		"31 digits":          {testKeyHex[1:], length + "31 characters"},
		"33 digits":          {testKeyHex + "a", length + "33 characters"},
		"64 digits":          {testKeyHex + testKeyHex, length + "64 characters"},
		"not hex":            {"g" + testKeyHex[1:], "must have only hexadecimal digits"},
		"space inside":       {testKeyHex[:15] + " " + testKeyHex[16:], "must have only hexadecimal digits"},
		"not ASCII":          {testKeyHex[:30] + "ü", "must have only hexadecimal digits"},
		"not ASCII space":    {"\u00a0" + testKeyHex, length + "33 characters"},
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

func TestZeroKeyIsRefused(t *testing.T) {
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
