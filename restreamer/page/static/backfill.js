// Asks this node to look for what it lacks, now.

import { headers, sentence, wantToken } from './access.js'

export async function backfill() {
  const button = document.getElementById('backfill')
  button.disabled = true
  say('…')
  try {
    const answer = await fetch('backfill', { method: 'POST', headers: headers() })
    if (answer.ok) say(asked(await answer.json()))
    else say(await sentence(answer))
    if (answer.status === 401 || answer.status === 403) wantToken('A pass needs the admin token of this node.', backfill)
  } catch {
    say('This node does not answer.')
  }
  button.disabled = false
}

const asked = ({ peers_asked: count }) => `${count} ${count === 1 ? 'peer is' : 'peers are'} asked now.`

function say(text) {
  document.getElementById('backfill-said').textContent = text
}
