package whisper

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const tokensFile = "tokens.txt"

// ct2Tokenizer is what a tokenizer.json of Hugging Face holds of interest here.
type ct2Tokenizer struct {
	words   map[string]int // by the printable characters that stand for their bytes
	special map[string]int
}

// ct2Config is a CTranslate2 folder's config.json.
type ct2Config struct {
	AlignmentHeads [][2]int `json:"alignment_heads"`
	LangIDs        []int    `json:"lang_ids"`
	Suppress       []int    `json:"suppress_ids"`
	SuppressBegin  []int    `json:"suppress_ids_begin"`
}

func readTokenizer(path string) (ct2Tokenizer, error) {
	var file struct {
		AddedTokens []struct {
			ID      int    `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Vocab map[string]int `json:"vocab"`
		} `json:"model"`
	}
	if err := readJSON(path, &file); err != nil {
		return ct2Tokenizer{}, err
	}
	t := ct2Tokenizer{words: file.Model.Vocab, special: map[string]int{}}
	for _, a := range file.AddedTokens {
		t.special[a.Content] = a.ID
	}
	if len(t.words) == 0 || len(t.special) == 0 {
		return t, fmt.Errorf("%s: it has no vocabulary: take the tokenizer.json that is published with the model", path)
	}
	return t, nil
}

// list returns the bytes of the tokens below eot, by their number.
func (t ct2Tokenizer) list(eot int) ([][]byte, error) {
	list := make([][]byte, eot)
	bytesOf := byteLevel()
	for word, id := range t.words {
		if id < 0 || id >= eot {
			continue // a special one, which is never said
		}
		if list[id] != nil {
			return nil, fmt.Errorf("tokenizer.json gives the number %d twice", id)
		}
		list[id] = []byte{}
		for _, r := range word {
			b, ok := bytesOf[r]
			if !ok {
				return nil, fmt.Errorf("tokenizer.json has the token %q, which is not of the byte-level kind", word)
			}
			list[id] = append(list[id], b)
		}
	}
	for id, b := range list {
		if b == nil {
			return nil, fmt.Errorf("tokenizer.json has no token %d", id)
		}
	}
	return list, nil
}

// byteLevel returns which byte each character of a byte-level vocabulary
// stands for: printable ones for themselves, those from U+0100 on for the rest
// in order.
func byteLevel() map[rune]byte {
	of := map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			of[rune(b)] = byte(b)
		} else {
			of[next] = byte(b)
			next++
		}
	}
	return of
}

// writeTokens writes a line "BASE64 NUMBER" for each token, in order.
func writeTokens(to io.Writer, list [][]byte) error {
	b := bufio.NewWriter(to)
	for id, token := range list {
		b.WriteString(base64.StdEncoding.EncodeToString(token) + " " + strconv.Itoa(id) + "\n") // Flush has the error
	}
	return b.Flush()
}

// parseTokens reads what writeTokens wrote: exactly n tokens.
func parseTokens(text []byte, n int) ([][]byte, error) {
	var list [][]byte
	s := bufio.NewScanner(bytes.NewReader(text))
	for s.Scan() {
		code, number, _ := strings.Cut(s.Text(), " ")
		token, err := base64.StdEncoding.DecodeString(code)
		if err != nil || number != strconv.Itoa(len(list)) {
			return nil, fmt.Errorf("line %d is not \"BASE64 %d\"", len(list)+1, len(list))
		}
		if list = append(list, token); len(list) > n {
			break
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if len(list) != n {
		return nil, errors.New("it has not the " + strconv.Itoa(n) + " tokens of the model")
	}
	return list, nil
}
