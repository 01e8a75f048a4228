package hmachash

import (
	"crypto/fips140"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testHasher(t testing.TB, secret string, o *Options) *Hasher {
	t.Helper()
	if fips140.Enforced() && len(secret) < 14 {
		t.Skipf("a secret of %d bytes is rejected under GODEBUG=fips140=only", len(secret))
	}
	h, err := New(secret, o)
	require.NoError(t, err)
	return h
}

func requireField(t testing.TB, err error, field, rule string) {
	t.Helper()
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, FieldError{field, rule}, *fe)
}

// macOf is Hash for messages that are not ids: empty or binary ones.
func macOf(h *Hasher, message string) string {
	digits := h.mac(message)
	return string(digits[:])
}

// User hashes published in the tests of other libraries for the same function.
func TestHash_PublishedVectors(t *testing.T) {
	for _, v := range []struct{ source, secret, id, hash string }{
		{"intercom-node", "abc123", "1", "f02877f24c9dd37542268a28627ebaf2e07d0d114d9482abcdc20f60874b40b3"},
		{"intercom-node", "bar", "baz", "c8acc43edc084edb8207a50320ba4ec5d113686cf8050274a305480c98512e45"},
		{"intercom-wordpress", "s3cre7", "abcdef", "532cd9cd6bfa49528cf2503db0743bb72456bda2cb7424d2894c5b11f6cad6cf"},
		{"django-analytical", "secret", "test@example.com", "49e43229ee99dca2565241719b8341b04e71dd4de0628f991b5bea30a526e153"},
		// The secret and the id of Ainisa's own example. The hash printed there
		// (c82448e6...) does not come from them; this one does, by openssl.
		{"Ainisa", "your_secret_key_here", "1", "c44eeb3397f29a15f7328f9ffc608a99dde2bfcf0e8a2fd393cf12a05ba14a9b"},
	} {
		t.Run(v.source+" "+v.id, func(t *testing.T) {
			h := testHasher(t, v.secret, nil)
			got, err := h.Hash(v.id)
			require.NoError(t, err)
			assert.Equal(t, v.hash, got)
			assert.True(t, h.Verify(v.id, v.hash))
		})
	}
}

// RFC 4231, section 4, test cases 1 to 4, 6 and 7. (Case 5 cuts the output.)
func TestHasher_RFC4231(t *testing.T) {
	for name, v := range map[string]struct{ key, data, mac string }{
		"1": {strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		"2": {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		"3": {strings.Repeat("\xaa", 20), strings.Repeat("\xdd", 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		"4": {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", strings.Repeat("\xcd", 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		"6": {strings.Repeat("\xaa", 131), "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		"7": {strings.Repeat("\xaa", 131), "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.", "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHasher(t, v.key, nil)
			assert.Equal(t, v.mac, macOf(h, v.data))
		})
	}
}

func TestHasher_Wycheproof(t *testing.T) {
	var v struct {
		TestGroups []struct {
			TagSize int
			Tests   []struct {
				TcID                  int
				Key, Msg, Tag, Result string
			}
		}
	}
	require.NoError(t, json.Unmarshal(testenv.Shared(t, "vectors", "wycheproof_hmac_sha256_test.json"), &v))
	ran := 0
	for _, g := range v.TestGroups {
		for _, test := range g.Tests {
			key, err := hex.DecodeString(test.Key)
			require.NoError(t, err)
			msg, err := hex.DecodeString(test.Msg)
			require.NoError(t, err)
			h, err := New(string(key), nil)
			require.NoError(t, err)
			mac := macOf(h, string(msg))
			require.Len(t, mac, hashSize)
			valid := mac[:g.TagSize/4] == test.Tag // the file has cut tags too
			require.Equal(t, test.Result == "valid", valid, "tcId %d", test.TcID)
			ran++
		}
	}
	assert.Equal(t, 174, ran)
}

func TestHash_NodesCryptoMakesTheSame(t *testing.T) {
	const secret = "ein Schlüssel 🔑 mit Umlaut"
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("abcXYZ0123456789._-@+ /\\'\"<>&éßЖ日本語🙂\u2028\u0000\ufffd\U0010ffff")
	var ids []string
	for range 1000 {
		id := make([]rune, 1+random.IntN(100))
		for i := range id {
			id[i] = alphabet[random.IntN(len(alphabet))]
		}
		ids = append(ids, "u"+string(id)) // a quote alone would mean "not set"
	}
	var want []string
	testenv.Node(t, "hmac.mjs", map[string]any{"secret": secret, "ids": ids}, &want)
	require.Len(t, want, len(ids))
	h := testHasher(t, secret, nil)
	for i, id := range ids {
		got, err := h.Hash(id)
		require.NoError(t, err)
		require.Equal(t, want[i], got, "%q", id)
	}
}

func TestNew_RejectsSecrets(t *testing.T) {
	_, err := New("", nil)
	requireField(t, err, "secret", "must not be empty (is the variable set?)")
	_, err = New("a secret that is long", &Options{Previous: []string{"another secret, long", ""}})
	requireField(t, err, "Options.Previous[1]", "must not be empty (is the variable set?)")
}

// A nil pointer, as a constructor returns it beside an error, and a zero value are
// rejected with what to do, also for a visitor who is not signed in.
func TestMethods_RejectNilAndZero(t *testing.T) {
	var (
		ainisa  *Ainisa
		bookbag *Bookbag
	)
	from := func(function string) string { return "must come from " + function + " (was its error ignored?)" }
	for _, u := range []AinisaUser{{}, {ID: "1"}} {
		_, err := ainisa.Script(u, "")
		requireField(t, err, "Ainisa", from("NewAinisa"))
	}
	for _, u := range []BookbagUser{{}, {ID: "1"}} {
		_, err := bookbag.Script(u, "")
		requireField(t, err, "Bookbag", from("NewBookbag"))
	}
	for _, w := range []*BookbagWebhooks{nil, {}} {
		_, err := w.Handler(http.NotFoundHandler())
		requireField(t, err, "BookbagWebhooks", from("NewBookbagWebhooks"))
	}
	for _, h := range []*Hasher{nil, {}} {
		_, err := h.Hash("1")
		requireField(t, err, "Hasher", from("New"))
		_, err = h.AppendHash(nil, "1")
		requireField(t, err, "Hasher", from("New"))
		assert.False(t, h.Verify("1", ""))
	}
}

// Under GODEBUG=fips140=only hmac.New panics for short keys; New must not.
// .ci/run runs the tests of this package in that mode too.
func TestNew_ShortSecretsUnderFIPS(t *testing.T) {
	_, err := New("13 bytes long", nil)
	if fips140.Enforced() {
		requireField(t, err, "secret", "must have at least 14 bytes under GODEBUG=fips140=only")
		_, err = New("14 bytes, good", &Options{Previous: []string{"short"}})
		requireField(t, err, "Options.Previous[0]", "must have at least 14 bytes under GODEBUG=fips140=only")
	} else {
		require.NoError(t, err)
	}
	_, err = New("14 bytes, good", nil)
	require.NoError(t, err)
}

func TestHash_RejectsIDs(t *testing.T) {
	h := testHasher(t, "a secret that is long", nil)
	for id, rule := range map[string]string{
		"": "must not be empty", "a\xff": "must be valid UTF-8", "\xed\xa0\x80": "must be valid UTF-8",
		"undefined": "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>",
	} {
		hash, err := h.Hash(id)
		requireField(t, err, "id", rule)
		assert.Empty(t, hash)
		dst, err := h.AppendHash([]byte("before"), id)
		requireField(t, err, "id", rule)
		assert.Equal(t, "before", string(dst))
		assert.False(t, h.Verify(id, macOf(h, id)))
	}
}

// The id is hashed as it is: neither trimmed nor folded.
func TestHash_TakesTheExactID(t *testing.T) {
	h := testHasher(t, "a secret that is long", nil)
	seen := map[string]string{}
	for _, id := range []string{"a", "A", " a", "a ", "a\n", "á", "a\u0301", "a\x00", "01", "1", "1.0"} {
		hash, err := h.Hash(id)
		require.NoError(t, err)
		require.Empty(t, seen[hash], "%q", id)
		seen[hash] = id
	}
}

func TestVerify(t *testing.T) {
	old := testHasher(t, "the old secret, long", nil)
	h := testHasher(t, "the new secret, long", &Options{Previous: []string{"an older one, and long", "the old secret, long"}})
	oldHash, err := old.Hash("1")
	require.NoError(t, err)
	newHash, err := h.Hash("1")
	require.NoError(t, err)
	require.NotEqual(t, oldHash, newHash, "new hashes are made with the current secret")

	assert.True(t, h.Verify("1", newHash))
	assert.True(t, h.Verify("1", oldHash))
	assert.False(t, old.Verify("1", newHash))
	for name, hash := range map[string]string{
		"empty":      "",
		"upper case": strings.ToUpper(newHash),
		"cut":        newHash[:63],
		"longer":     newHash + "0",
		"space":      newHash + " ",
		"one digit":  string(newHash[0]^1) + newHash[1:],
		"not hex":    strings.Repeat("z", 64),
	} {
		assert.False(t, h.Verify("1", hash), name)
	}
	assert.False(t, h.Verify("2", newHash), "another id")
	assert.False(t, h.Verify("1 ", newHash), "another id")
}

func TestSetSecret(t *testing.T) {
	const oldSecret, newSecret = "the old secret, long", "the new secret, long"
	oldHash, newHash := hashOf(t, oldSecret, "1"), hashOf(t, newSecret, "1")
	h := testHasher(t, oldSecret, &Options{Previous: []string{newSecret}}) // the coming one
	assert.True(t, h.Verify("1", newHash), "another server signs with it already")
	requireHash := func(want string) {
		t.Helper()
		got, err := h.Hash("1")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	requireHash(oldHash)
	require.NoError(t, h.SetSecret(newSecret, &Options{Previous: []string{oldSecret}}))
	requireHash(newHash)
	assert.True(t, h.Verify("1", oldHash))
	requireField(t, h.SetSecret("", nil), "secret", "must not be empty (is the variable set?)")
	requireField(t, h.SetSecret(newSecret, &Options{Previous: []string{""}}), "Options.Previous[0]", "must not be empty (is the variable set?)")
	assert.True(t, h.Verify("1", oldHash), "an error changes nothing")
	require.NoError(t, h.SetSecret(newSecret, nil))
	assert.False(t, h.Verify("1", oldHash), "a leaked secret")
	requireHash(newHash)

	for _, vendor := range []interface{ SetSecret(string, *Options) error }{newAinisa(t), newBookbag(t), newWebhooks(t, nil)} {
		require.NoError(t, vendor.SetSecret(newSecret, nil))
		require.Error(t, vendor.SetSecret("${SECRET}", nil))
	}
	a, b := newAinisa(t), newBookbag(t)
	require.NoError(t, a.SetSecret(newSecret, nil))
	require.NoError(t, b.SetSecret(newSecret, nil))
	ai, err := a.Identify(AinisaUser{ID: "1"})
	require.NoError(t, err)
	bi, err := b.Identify(BookbagUser{ID: "1"})
	require.NoError(t, err)
	assert.Equal(t, []string{newHash, newHash}, []string{ai.UserHash, bi.UserHash})
}

// While the secret changes, each hash is made with one of the two.
func TestSetSecret_ManyGoroutines(t *testing.T) {
	const oldSecret, newSecret = "the old secret, long", "the new secret, long"
	h := testHasher(t, oldSecret, &Options{Previous: []string{newSecret}})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				hash, err := h.Hash("1")
				if err != nil || !h.Verify("1", hash) {
					t.Error("a hash of neither secret")
				}
			}
		})
	}
	for range 50 {
		assert.NoError(t, h.SetSecret(newSecret, &Options{Previous: []string{oldSecret}}))
		assert.NoError(t, h.SetSecret(oldSecret, &Options{Previous: []string{newSecret}}))
	}
	wg.Wait()
}

func TestVerify_ManyGoroutines(t *testing.T) {
	h := testHasher(t, "a secret that is long", nil)
	long := strings.Repeat("x", 1000)
	want := map[string]string{}
	for _, id := range []string{"1", "2", long} {
		hash, err := h.Hash(id)
		require.NoError(t, err)
		want[id] = hash
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				for id, hash := range want {
					if !h.Verify(id, hash) {
						t.Errorf("the hash of %.10q changed", id)
					}
				}
			}
		})
	}
	wg.Wait()
}
