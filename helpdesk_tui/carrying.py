"""Which part of the desk carries out which wish."""

from __future__ import annotations

from helpdesk_tui import messages, wishes
from helpdesk_tui.desk import Desk


async def carry_out(wish: messages.Wish, desk: Desk) -> None:
    """Have it done; text that cannot be sent now goes back to where it was typed."""
    match wish:
        case messages.QuestionAsked():
            if not await desk.ask(wish.text):
                wish.refused(wish.text)
        case messages.StatementTyped():
            if not await desk.run_sql(wish.text):
                wish.refused(wish.text)
        case messages.AgentChosen():
            await desk.questions.choose(wish.agent)
        case messages.RouteTaught():
            await desk.questions.teach(wish.agent)
        case messages.ReplyGiven():
            await desk.questions.reply(wish.task, wish.text)
        case messages.AskedAgain():
            await desk.questions.again(wish.id)
        case messages.OfferDropped():
            await desk.questions.drop()
        case _:
            await _work(wish, desk)


async def _work(wish: messages.Wish, desk: Desk) -> None:
    match wish:
        case messages.AgentsWanted():
            await desk.questions.roster.reload(always=True)
        case messages.RemedyChosen():
            await desk.request_remedy(wish.number)
        case messages.TargetWanted():
            await desk.select(wish.name)
        case messages.Decided():
            await desk.governing.decide(wish)
        case messages.RefreshWanted():
            await desk.governing.refresh(wish.approval)
        case _:
            await _govern(wish, desk)


async def _govern(wish: messages.Wish, desk: Desk) -> None:
    match wish:
        case wishes.EditWanted():
            await desk.governing.edit(wish.approval, wish.arguments)
        case wishes.WithdrawWanted():
            await desk.governing.withdraw(wish.approval)
        case wishes.UndoWanted():
            await desk.governing.undo(wish.approval)
        case wishes.RevokeWanted():
            await desk.governing.revoke(wish.grant)
        case wishes.LockWanted():
            await desk.governing.lock(wish.target, unlock=wish.unlock)
        case wishes.PurposeSaid():
            await desk.governing.say_purpose(wish.purpose, wish.note)
        case _:
            raise TypeError(f"nothing carries out {type(wish).__name__}")
