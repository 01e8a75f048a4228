package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
)

const (
	// protected is the first part of every token: {"alg":"dir","enc":"A128GCM"}.
	protected = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0"

	nonceSize = 12
	tagSize   = 16
)

// sealer encrypts claims into a token, and uses up their memory. It is a function
// so that the key inside is out of reach of everything that prints.
type sealer func(claims []byte) string

// newSealer needs no JOSE library: where the key is used directly, all of a token is
// fixed but what an AEAD of the standard library returns. This one makes its nonces
// itself, so that it works under FIPS 140 too.
func newSealer(key Key) (sealer, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	block, _ := aes.NewCipher(key.reveal())        // fails for other lengths than ParseKey returns
	aead, _ := cipher.NewGCMWithRandomNonce(block) // fails for other ciphers than AES
	header := []byte(protected)
	return func(claims []byte) string { return compact(aead.Seal(claims[:0], nil, claims, header)) }, nil
}

// compact returns the compact form (RFC 7516, section 3.1) of a nonce, a ciphertext
// and a tag.
func compact(sealed []byte) string {
	end := len(sealed) - tagSize
	nonce, ciphertext, tag := sealed[:nonceSize], sealed[nonceSize:end], sealed[end:]
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, 1024)           // on the stack; a long one outgrows it
	token = append(token, protected+".."...) // the part of a key in between is empty
	token = encoding.AppendEncode(token, nonce)
	token = encoding.AppendEncode(append(token, '.'), ciphertext)
	token = encoding.AppendEncode(append(token, '.'), tag)
	return string(token)
}
