//! Renewed tokens: stored, written into the client's file where there is one, and only then seen by anybody.
use crate::account::Account;
use crate::cas::Verdict;
use crate::core::{Core, Trouble};
use crate::foreign;
use crate::place::{Hold, Loaded, Locked, Sight};
use crate::print::TokenPrint;
use crate::records::{Copies, Unkept};
use crate::slot::{Slot, Unsaved};

/// Stores renewed tokens, then lets everybody see them.
pub(crate) async fn store(
    core: &Core,
    slot: &Slot,
    mut unsaved: Unsaved,
    in_file: Option<TokenPrint>,
) -> Result<(), Trouble> {
    if let Some(account) = &slot.known.lock().account {
        unsaved.account.marks.merge(&account.marks);
    }
    let basis = in_file.or_else(|| unsaved.account.book.seen.clone());
    let mut saved = unsaved.lock.save(core, &mut unsaved.account, Copies::Both).await;
    if matches!(saved, Err(Unkept::Lost)) {
        let Some(later) = overtaken(core, slot, unsaved).await? else { return Ok(()) };
        unsaved = later;
        saved = unsaved.lock.save(core, &mut unsaved.account, Copies::Both).await;
    }
    let held = (&unsaved.lock, basis.as_ref());
    let written = write_back(core, slot, &mut unsaved.account, held).await;
    if let (Err(error), false) = (saved, written) {
        // The lock stays: nobody may send the old refresh token again while the new one is in memory alone.
        *slot.unsaved.lock() = Some(unsaved);
        return Err(Trouble::unkept("the account cannot be stored", error));
    }
    let Unsaved { mut account, lock, .. } = unsaved;
    let (title, expires_at_ms) = (account.title().to_owned(), account.expires_at_ms);
    {
        let mut known = slot.known.lock();
        if let Some(old) = &known.account {
            account.marks.merge(&old.marks);
        }
        known.account = Some(account);
    }
    lock.release().await;
    tracing::info!(
        backend = core.spec.backend,
        account = title,
        expires_at_ms,
        "renewed the token of {title}"
    );
    Ok(())
}

/// Another host took the lock, for this one was not heard of for too long, as when its machine slept. Where it has renewed the tokens, or
/// somebody has logged in anew, those count. Else ours are the newest that the server has given out, whatever it has answered to others
/// who sent what we had sent: they are to be stored under a lock that is taken again. None: theirs count.
async fn overtaken(core: &Core, slot: &Slot, mut unsaved: Unsaved) -> Result<Option<Unsaved>, Trouble> {
    let (loaded, lock) = match slot.place.lock(core).await {
        Ok(lock) => (slot.place.load(core, Hold::Locked(&lock)).await, lock),
        Err(trouble) => {
            *slot.unsaved.lock() = Some(unsaved);
            return Err(trouble);
        }
    };
    if loaded.sight == Sight::Unreadable {
        lock.release().await;
        *slot.unsaved.lock() = Some(unsaved);
        let why = loaded.problem.unwrap_or_else(|| "the account cannot be read".to_owned());
        return Err(Trouble::soon(why));
    }
    let title = unsaved.account.title();
    let backend = &core.spec.backend;
    if let Loaded { account: Some(theirs), .. } = &loaded
        && theirs.prints() == unsaved.began
    {
        tracing::warn!(
            backend,
            account = title,
            "another host took over the account {title} and has renewed nothing: the tokens of this one are stored"
        );
        unsaved.account.marks.merge(&theirs.marks);
        unsaved.account.created_ms = theirs.created_ms;
        unsaved.account.book.revision = theirs.book.revision;
        unsaved.account.book.dead.clone_from(&theirs.book.dead);
        return Ok(Some(Unsaved { lock, ..unsaved }));
    }
    tracing::warn!(
        backend,
        account = title,
        "another host took over the account {title} and has newer tokens: those of this one are dropped"
    );
    lock.release().await;
    slot.known.lock().account = None;
    slot.learn(loaded);
    Ok(None)
}

/// Writes the tokens into the client's file, where there is one that may be written. Whether they are in it.
pub(crate) async fn write_back(
    core: &Core,
    slot: &Slot,
    account: &mut Account,
    (lock, basis): (&Locked, Option<&TokenPrint>),
) -> bool {
    let Some(source) = slot.place.writable() else { return false };
    match foreign::write_back(core, source, account, basis).await {
        Ok(Verdict::Write | Verdict::Done) => {
            account.book.seen = account.refresh_print();
            account.book.is_pending = false;
            // Where this is lost, the file is compared again: it holds the same tokens.
            let _ = lock.save(core, account, Copies::One).await;
            slot.known.lock().problem = None;
            true
        }
        // The client was faster, and its tokens live longer. They are read with the next look.
        Ok(Verdict::Theirs) => false,
        Err(why) => {
            let name = account.title();
            tracing::warn!(
                backend = core.spec.backend,
                account = name,
                "{why}; the renewed tokens are kept by LIP"
            );
            slot.known.lock().problem = Some(format!("{why}; the renewed tokens are kept by LIP"));
            false
        }
    }
}
